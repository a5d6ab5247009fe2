//! Small networks, run in plain Rust before and after the rewrite. Values alone would not show that folding happened (the
//! plain form is even more exact), so each test also counts the operators.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::onnx_proto::StringStringEntryProto;

const SIDE: usize = 5;

/// A network under construction, of one picture with `SIDE` × `SIDE` pixels a channel.
struct Net {
    graph: GraphProto,
    ir_version: i64,
    seed: u32,
}

impl Net {
    fn new() -> Self {
        let graph = GraphProto { input: vec![named("x")], output: vec![named("out")], ..GraphProto::default() };
        Self { graph, ir_version: 7, seed: 1 }
    }

    fn conv(mut self, x: &str, y: &str, [outputs, inputs, groups]: [usize; 3], kernel: usize) -> Self {
        let (w, b) = (format!("{y}.w"), format!("{y}.b"));
        let weights = self.random(outputs * inputs / groups * kernel * kernel);
        let dims = [outputs, inputs / groups, kernel, kernel].map(|d| d as i64);
        let bias = self.random(outputs);
        self.graph.initializer.push(tensor::new(&w, &dims, &weights));
        self.graph.initializer.push(tensor::new(&b, &[outputs as i64], &bias));
        let mut node = operation("Conv", &[x, &w, &b], y);
        let pad = (kernel / 2) as i64;
        node.attribute = vec![
            AttributeProto {
                name: Some("group".into()),
                r#type: Some(2),
                i: Some(groups as i64),
                ..Default::default()
            },
            AttributeProto { name: Some("pads".into()), r#type: Some(7), ints: vec![pad; 4], ..Default::default() },
        ];
        self.graph.node.push(node);
        self
    }

    fn prelu(mut self, x: &str, y: &str, slopes: &[f32]) -> Self {
        let a = format!("{y}.a");
        self.graph.initializer.push(tensor::new(&a, &[slopes.len() as i64, 1, 1], slopes));
        self.graph.node.push(operation("PRelu", &[x, &a], y));
        self
    }

    fn add(mut self, a: &str, b: &str, y: &str) -> Self {
        self.graph.node.push(operation("Add", &[a, b], y));
        self
    }

    /// Makes what belongs to these channels as small as training leaves it, along an axis of an initializer.
    fn kill(mut self, initializer: &str, axis: usize, channels: &[usize]) -> Self {
        let tensor =
            self.graph.initializer.iter_mut().find(|tensor| tensor.name.as_deref() == Some(initializer)).unwrap();
        let (mut values, dims) = (tensor::floats(tensor).unwrap(), tensor::sizes(tensor).unwrap());
        let each: usize = dims[axis + 1..].iter().product();
        for (at, values) in values.chunks_exact_mut(each).enumerate() {
            if channels.contains(&(at % dims[axis])) {
                values.iter_mut().for_each(|value| *value *= 1e-41);
            }
        }
        *tensor = tensor::new(initializer, &tensor.dims, &values);
        self
    }

    fn output(mut self, name: &str) -> Self {
        self.graph.output.push(named(name));
        self
    }

    fn ir_version(mut self, version: i64) -> Self {
        self.ir_version = version;
        self
    }

    fn model(self) -> ModelProto {
        ModelProto { ir_version: Some(self.ir_version), graph: Some(self.graph), ..ModelProto::default() }
    }

    fn random(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| next(&mut self.seed)).collect()
    }
}

fn next(seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*seed >> 8) as f32 / 8_388_608.0 - 1.0
}

fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.to_owned()), ..ValueInfoProto::default() }
}

fn rewritten(model: &ModelProto) -> ModelProto {
    ModelProto::decode(&make_faster(&model.encode_to_vec()).unwrap()[..]).unwrap()
}

fn graph(model: &ModelProto) -> &GraphProto {
    model.graph.as_ref().unwrap()
}

fn count(model: &ModelProto, operator: &str) -> usize {
    graph(model).node.iter().filter(|node| is_standard(node, operator)).count()
}

/// The values of the outputs for a picture of `channels`.
fn run(model: &ModelProto, channels: usize) -> Vec<Vec<f32>> {
    let graph = graph(model);
    let weights: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_deref().unwrap(), tensor)).collect();
    let mut seed = 77;
    let picture: Vec<f32> = (0..channels * SIDE * SIDE).map(|_| next(&mut seed)).collect();
    let mut values = HashMap::from([("x", picture)]);
    for node in &graph.node {
        let x = &values[node.input[0].as_str()];
        let parameter = |at: usize| tensor::floats(weights[node.input[at].as_str()]).unwrap();
        let y = match node.op_type.as_deref().unwrap() {
            "Conv" => {
                let dims = tensor::sizes(weights[node.input[1].as_str()]).unwrap();
                let bias = if node.input.len() > 2 { parameter(2) } else { vec![0.0; dims[0]] };
                convolve(x, &parameter(1), &bias, &dims, groups(node).unwrap())
            }
            "PRelu" => {
                let slopes = parameter(1);
                let slope = |at: usize| slopes[at / (SIDE * SIDE) % slopes.len()];
                x.iter().enumerate().map(|(at, &v)| if v < 0.0 { slope(at) * v } else { v }).collect()
            }
            "Relu" => x.iter().map(|&v| v.max(0.0)).collect(),
            "Add" => x.iter().zip(&values[node.input[1].as_str()]).map(|(a, b)| a + b).collect(),
            other => panic!("no {other} here"),
        };
        values.insert(node.output[0].as_str(), y);
    }
    graph.output.iter().map(|output| values[output.name.as_deref().unwrap()].clone()).collect()
}

fn convolve(x: &[f32], weights: &[f32], bias: &[f32], dims: &[usize], groups: usize) -> Vec<f32> {
    let [outputs, inputs, kernel, _] = dims else { panic!("a convolution has four dimensions") };
    let (side, pad) = (SIDE as isize, (*kernel / 2) as isize);
    let mut y = Vec::with_capacity(outputs * SIDE * SIDE);
    for output in 0..*outputs {
        let first = output / (outputs / groups) * inputs;
        for at in 0..side * side {
            let mut sum = f64::from(bias[output]);
            for tap in 0..inputs * kernel * kernel {
                let (input, tap_in_kernel) = (tap / (kernel * kernel), (tap % (kernel * kernel)) as isize);
                let row = at / side + tap_in_kernel / *kernel as isize - pad;
                let column = at % side + tap_in_kernel % *kernel as isize - pad;
                if (0..side).contains(&row) && (0..side).contains(&column) {
                    let pixel = x[(first + input) * SIDE * SIDE + (row * side + column) as usize];
                    sum += f64::from(pixel) * f64::from(weights[output * inputs * kernel * kernel + tap]);
                }
            }
            y.push(sum as f32);
        }
    }
    y
}

/// That the rewritten model has no PRelu, computes the same, and has this many Relus: one a folded PRelu, two a plain one.
#[track_caller]
fn assert_rewritten(net: Net, channels: usize, relus: usize) {
    let original = net.model();
    let rewritten = rewritten(&original);
    assert_eq!(count(&rewritten, "PRelu"), 0);
    assert_eq!(count(&rewritten, "Relu"), relus);
    for (before, after) in run(&original, channels).iter().zip(run(&rewritten, channels)) {
        let largest = before.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert!(largest > 0.1, "the network computes something");
        for (before, after) in before.iter().zip(after) {
            assert!((before - after).abs() <= 2e-6 * largest, "{before} became {after}");
        }
    }
}

#[test]
fn slopes_below_one_fold_into_the_convolution_before() {
    assert_rewritten(Net::new().conv("x", "c", [4, 3, 1], 3).prelu("c", "out", &[0.25, -0.5, 0.0, 0.9]), 3, 1);
}

#[test]
fn a_slope_above_one_negates_its_channel_of_a_dense_convolution_after() {
    let net =
        Net::new().conv("x", "c", [3, 2, 1], 3).prelu("c", "p", &[0.25, 1.23, 2.0]).conv("p", "out", [4, 3, 1], 3);
    assert_rewritten(net, 2, 1);
}

#[test]
fn a_slope_above_one_negates_its_channel_of_a_depthwise_convolution_after() {
    let net =
        Net::new().conv("x", "c", [3, 2, 1], 1).prelu("c", "p", &[1.5, 0.25, 1.01]).conv("p", "out", [3, 3, 3], 3);
    assert_rewritten(net, 2, 1);
}

#[test]
fn a_slope_above_one_negates_its_channel_of_a_grouped_convolution_after() {
    let slopes = [0.1, 1.5, 1.2, 0.3];
    let net = Net::new().conv("x", "c", [4, 4, 2], 3).prelu("c", "p", &slopes).conv("p", "out", [6, 4, 2], 1);
    assert_rewritten(net, 4, 1);
}

#[test]
fn a_convolution_between_two_prelus_takes_the_factors_of_both() {
    let net = Net::new().conv("x", "c", [3, 2, 1], 3).prelu("c", "p", &[1.4, 0.2, 1.1]);
    let net = net.conv("p", "d", [2, 3, 1], 3).prelu("d", "q", &[0.3, 1.7]).conv("q", "out", [2, 2, 2], 3);
    assert_rewritten(net, 2, 2);
}

#[test]
fn a_slope_that_is_nearly_one_takes_the_plain_form() {
    assert_rewritten(Net::new().conv("x", "c", [3, 2, 1], 3).prelu("c", "out", &[0.25, 1.0005, 1.0]), 2, 2);
}

#[test]
fn a_prelu_after_a_sum_takes_the_plain_form() {
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).add("c", "x", "s").prelu("s", "out", &[0.25, 1.5]);
    assert_rewritten(net, 2, 2);
}

#[test]
fn a_convolution_whose_output_is_used_elsewhere_is_not_changed() {
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "p", &[0.25, 0.5]).add("p", "c", "out");
    assert_rewritten(net, 2, 2);
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25, 0.5]).output("c");
    assert_rewritten(net, 2, 2);
}

#[test]
fn a_negated_channel_never_reaches_an_output_or_a_second_consumer() {
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25, 1.5]);
    assert_rewritten(net, 2, 2);
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "p", &[0.25, 1.5]);
    assert_rewritten(net.conv("p", "d", [2, 2, 1], 3).add("d", "p", "out"), 2, 2);
}

#[test]
fn weights_that_two_convolutions_share_are_not_changed() {
    let mut net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "p", &[0.25, 0.5]).conv("p", "out", [2, 2, 1], 3);
    net.graph.node[2].input[1] = "c.w".to_owned();
    assert_rewritten(net, 2, 2);
}

#[test]
fn a_use_inside_a_subgraph_counts() {
    let mut net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25, 0.5]);
    let inner = GraphProto { node: vec![operation("Relu", &["c"], "inner")], ..GraphProto::default() };
    net.graph.node[1].attribute.push(AttributeProto { g: Some(inner), ..AttributeProto::default() });
    let rewritten = rewritten(&net.model());
    assert_eq!(count(&rewritten, "Relu"), 2, "the plain form leaves `c` as it is");
}

#[test]
fn slopes_that_are_shared_or_that_span_unknown_channels_stay_as_they_are() {
    let mut shared =
        Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "p", &[0.25, 0.5]).prelu("p", "out", &[0.1, 0.2]);
    shared.graph.node[2].input[1] = "p.a".to_owned();
    let one_for_all = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25]);
    for model in [shared.model(), one_for_all.model()] {
        assert_eq!(rewritten(&model), model);
    }
}

/// A block of the default embedder: 20 channels between two dense convolutions, of which `dead` are as training leaves them.
fn block(dead: &[usize]) -> Net {
    let slopes: Vec<f32> = (0..20).map(|channel| 0.1 * channel as f32).collect();
    let net = Net::new().conv("x", "wide", [20, 3, 1], 1).prelu("wide", "p", &slopes).conv("p", "d", [20, 20, 20], 3);
    let net = net.prelu("d", "q", &slopes).conv("q", "out", [4, 20, 1], 1);
    let net = net.kill("wide.w", 0, dead).kill("wide.b", 0, dead).kill("d.w", 0, dead).kill("d.b", 0, dead);
    net.kill("out.w", 1, dead)
}

fn dims<'a>(model: &'a ModelProto, initializer: &str) -> &'a [i64] {
    &graph(model).initializer.iter().find(|tensor| tensor.name.as_deref() == Some(initializer)).unwrap().dims
}

/// That the rewritten model computes the same, with so many channels left in the middle.
#[track_caller]
fn assert_left(net: Net, left: i64) {
    let original = net.model();
    let rewritten = rewritten(&original);
    assert_eq!(dims(&rewritten, "wide.w"), [left, 3, 1, 1]);
    assert_eq!(dims(&rewritten, "d.w"), [left, 1, 3, 3]);
    assert_eq!(dims(&rewritten, "out.w"), [4, left, 1, 1]);
    for (before, after) in run(&original, 3)[0].iter().zip(&run(&rewritten, 3)[0]) {
        assert!((before - after).abs() <= 1e-4, "{before} became {after}");
    }
    for tensor in &graph(&rewritten).initializer {
        let values = tensor::floats(tensor).unwrap();
        assert!(tensor.dims.len() == 1 || !values.iter().any(|value| value.is_subnormal()), "{:?}", tensor.name);
    }
}

#[test]
fn dead_channels_are_removed_in_eights() {
    assert_left(block(&[]), 20);
    assert_left(block(&[0, 7, 13, 19]), 16);
    assert_left(block(&[0, 1, 2, 3, 4]), 16);
    assert_left(block(&[0, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 17]), 8);
    assert_left(block(&(0..20).collect::<Vec<_>>()), 8);
}

#[test]
fn a_channel_that_a_bias_wakes_or_that_nobody_takes_is_told_apart() {
    let dead: Vec<usize> = (0..12).collect();
    let all_but = |kept: &str| {
        let slopes = [0.25; 20];
        let net =
            Net::new().conv("x", "wide", [20, 3, 1], 1).prelu("wide", "p", &slopes).conv("p", "d", [20, 20, 20], 3);
        let net = net.prelu("d", "q", &slopes).conv("q", "out", [4, 20, 1], 1);
        let parts = [("wide.w", 0), ("wide.b", 0), ("d.w", 0), ("d.b", 0), ("out.w", 1)];
        parts.into_iter().filter(|(part, _)| *part != kept).fold(net, |net, (part, axis)| net.kill(part, axis, &dead))
    };
    assert_left(all_but("out.w"), 8);
    assert_left(all_but("d.b"), 8);
    let net = Net::new().conv("x", "wide", [20, 3, 1], 1).prelu("wide", "p", &[0.25; 20]);
    let net = net.conv("p", "d", [20, 20, 20], 3).prelu("d", "q", &[0.25; 20]).conv("q", "out", [4, 20, 1], 1);
    assert_left(net.kill("wide.w", 0, &dead).kill("wide.b", 0, &dead).kill("d.w", 0, &dead), 20);
}

#[test]
fn channels_that_something_else_takes_stay() {
    assert_left(block(&[0, 1, 2, 3, 4]).output("q"), 20);
    let mut net = block(&[0, 1, 2, 3, 4]);
    net.graph.node[4].attribute[0].i = Some(2);
    net.graph.initializer.iter_mut().find(|tensor| tensor.name.as_deref() == Some("out.w")).unwrap().dims =
        vec![4, 10, 1, 2];
    let model = net.model();
    assert_eq!(dims(&rewritten(&model), "wide.w"), [20, 3, 1, 1], "a convolution in groups takes only its own");
}

#[test]
fn old_models_list_their_initializers_as_inputs_before_and_after() {
    let mut net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25, 0.5]).ir_version(3);
    let listed: Vec<ValueInfoProto> = net.graph.initializer.iter().map(input_of).collect();
    net.graph.input.extend(listed);
    let rewritten = rewritten(&net.model());
    let inputs: Vec<&str> = graph(&rewritten).input.iter().filter_map(|input| input.name.as_deref()).collect();
    for tensor in &graph(&rewritten).initializer {
        assert!(inputs.contains(&tensor.name.as_deref().unwrap()), "{:?} is listed", tensor.name);
    }
    assert!(!inputs.contains(&"out.a"), "the slopes are gone from initializers and inputs");
    assert_eq!(inputs.len(), 1 + graph(&rewritten).initializer.len());
}

#[test]
fn names_that_are_taken_are_not_used_again() {
    let net = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out/linear", &[0.25, 0.5]);
    let net = net.conv("out/linear", "d", [2, 2, 1], 1).prelu("d", "out", &[0.25, 0.5]);
    assert_rewritten(net, 2, 2);
}

#[test]
fn everything_else_in_the_model_survives() {
    let mut model = Net::new().conv("x", "c", [2, 2, 1], 3).prelu("c", "out", &[0.25, 0.5]).model();
    model.producer_name = Some("pytorch".to_owned());
    model.doc_string = Some(String::new());
    model.opset_import = vec![crate::onnx_proto::OperatorSetIdProto { domain: None, version: Some(9) }];
    let entry = StringStringEntryProto { key: Some("k".to_owned()), value: Some("v".to_owned()) };
    model.metadata_props = vec![entry];
    let mut rewritten = rewritten(&model);
    rewritten.graph.clone_from(&model.graph);
    assert_eq!(rewritten, model);
}

#[test]
fn a_model_without_prelu_comes_back_byte_for_byte() {
    let bytes = Net::new().conv("x", "out", [2, 2, 1], 3).model().encode_to_vec();
    assert_eq!(make_faster(&bytes).unwrap(), bytes);
}

#[test]
fn freed_sizes_leave_weights_and_channels_alone_and_have_names_of_their_own() {
    let mut net = Net::new().conv("x", "out", [2, 2, 1], 3).ir_version(3);
    let sized = |name: &str| {
        let tensor = tensor::new(name, &[10, 2, 32, 32], &[]);
        input_of(&tensor)
    };
    net.graph.input = vec![sized("x"), input_of(&net.graph.initializer[0])];
    net.graph.output = vec![sized("out")];
    net.graph.value_info = vec![sized("between")];
    let freed = ModelProto::decode(free_sizes(&net.model().encode_to_vec()).unwrap().as_slice()).unwrap();
    let sizes = |value: &ValueInfoProto| {
        let Some(TypeValue::Tensor(tensor)) = value.r#type.clone().unwrap().value else { panic!("a tensor") };
        tensor.shape.unwrap().dim.into_iter().map(|size| size.value.unwrap()).collect::<Vec<_>>()
    };
    let named = |name: &str| DimensionValue::Param(name.to_owned());
    let free = [named("input_x_0"), DimensionValue::Value(2), named("input_x_2"), named("input_x_3")];
    assert_eq!(sizes(&graph(&freed).input[0]), free);
    assert_eq!(sizes(&graph(&freed).output[0])[2], named("output_out_2"));
    assert_eq!(sizes(&graph(&freed).input[1])[0], DimensionValue::Value(2), "weights keep theirs");
    assert!(graph(&freed).value_info.is_empty());
}

#[test]
fn what_is_not_an_onnx_model_is_refused() {
    for bytes in [&b""[..], b"not a model", b"\x08\x07", b"<!DOCTYPE html><html></html>"] {
        for error in [make_faster(bytes).unwrap_err(), free_sizes(bytes).unwrap_err()] {
            assert!(matches!(error, ModelsError::NotOnnx { .. }), "{error}");
        }
    }
}

/// A small network with all that an int8 form is made of: two blocks, a PRelu with slopes on both sides of 1.
fn small_net() -> Vec<u8> {
    let net = Net::new().conv("x", "a", [3, 2, 1], 1).conv("a", "b", [3, 3, 1], 1).prelu("b", "c", &[0.25, 1.23, 2.0]);
    let net = net.conv("c", "d", [3, 3, 3], 3).conv("d", "e", [3, 3, 1], 1).conv("e", "f", [3, 3, 1], 1);
    net.conv("f", "out", [2, 3, 1], 1).model().encode_to_vec()
}

/// What was seen of each value of [`small_net`].
fn seen_of_small_net() -> Vec<Seen> {
    [vec![vec![(-1.0, 1.0); 3]; 6], vec![vec![(-1.0, 1.0); 2]]].concat()
}

#[test]
fn the_int8_form_of_a_small_network_works_on_bytes() {
    let int8 = quantized(&small_net(), &seen_of_small_net()).unwrap();
    let operators = ModelProto::decode(&int8[..]).unwrap();
    assert_eq!(count(&operators, "QLinearConv"), 4, "three convolutions and the slopes");
    assert_eq!(count(&operators, "Max"), 1);
    assert_eq!(count(&operators, "PRelu"), 0);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = make_faster(&bytes);
        let _ = (observable(&bytes), quantized(&bytes, &[]), with_own_operators(&bytes, 8));
    }

    #[test]
    fn no_damage_to_a_model_makes_it_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let net = Net::new().conv("x", "c", [3, 2, 1], 1).prelu("c", "p", &[0.25, 1.23, 2.0]);
        let net = net.conv("p", "d", [3, 3, 3], 1).conv("d", "out", [2, 3, 1], 1).kill("c.w", 0, &[1]);
        let mut bytes = net.model().encode_to_vec();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        let _ = make_faster(&bytes);
        let _ = (observable(&bytes), quantized(&bytes, &[]), with_own_operators(&bytes, 8));
    }

    #[test]
    fn no_damage_to_a_model_makes_its_int8_form_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = small_net();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        let _ = (observable(&bytes), quantized(&bytes, &seen_of_small_net()));
    }

    #[test]
    fn any_slopes_are_computed_as_before(slopes in proptest::collection::vec(-2.0_f32..3.0, 3)) {
        let original = Net::new().conv("x", "c", [3, 2, 1], 3).prelu("c", "p", &slopes).conv("p", "out", [2, 3, 1], 3).model();
        let rewritten = rewritten(&original);
        prop_assert_eq!(count(&rewritten, "PRelu"), 0);
        for (before, after) in run(&original, 2)[0].iter().zip(&run(&rewritten, 2)[0]) {
            // A slope just outside NEARLY_ONE costs three digits.
            prop_assert!((before - after).abs() <= 2e-3, "{} became {}", before, after);
        }
    }
}

/// A convolution of each of 16 channels by itself, in blocks of channels, to whose output that of a Relu is added.
fn laid_out(relu_of: &str) -> GraphProto {
    let mut conv = operation("Conv", &["x", "c", "", "positive"], "y");
    conv.domain = Some("com.microsoft.nchwc".to_owned());
    conv.attribute = depthwise_attributes(16);
    GraphProto {
        input: vec![named("x")],
        output: vec![named("y")],
        initializer: vec![tensor::new("c", &[16, 1, 1, 1], &[0.5; 16])],
        node: vec![relu(relu_of, "positive"), conv],
        ..GraphProto::default()
    }
}

fn with_ours(graph: GraphProto, block: usize) -> Option<ModelProto> {
    let model = ModelProto { ir_version: Some(8), graph: Some(graph), ..ModelProto::default() };
    let bytes = with_own_operators(&model.encode_to_vec(), block).unwrap()?;
    Some(ModelProto::decode(&bytes[..]).unwrap())
}

#[test]
fn a_relu_and_a_factor_for_each_channel_become_one_operator_only_where_they_are_of_the_same_numbers() {
    let model = with_ours(laid_out("x"), 16).unwrap();
    let [node] = &model.graph.unwrap().node[..] else { panic!("one operator") };
    assert_eq!((node.op_type.as_deref(), &node.input[..]), (Some(KINK), &["x".to_owned(), "c".to_owned()][..]));
    assert_eq!(model.opset_import.len(), 1);
    assert_eq!(with_ours(laid_out("another"), 16), None);
    assert_eq!(with_ours(laid_out("x"), 32), None, "16 channels are no block of 32");
}

/// What makes corners of boxes out of offsets, as in UltraFace, of two boxes; `step` is that of the centres.
fn end_of_detector(step: f32) -> GraphProto {
    let slice = |x: &str, y: &str, start: i64| {
        let ints = |name: &str, value: i64| AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(ATTRIBUTE_INTS),
            ints: vec![value],
            ..AttributeProto::default()
        };
        let attribute = vec![ints("axes", 2), ints("starts", start), ints("ends", start + 2)];
        NodeProto { attribute, ..operation("Slice", &[x], y) }
    };
    let along = |operator: &str, inputs: &[&str], y: &str| {
        let axis = AttributeProto { r#type: Some(ATTRIBUTE_INT), i: Some(2), ..AttributeProto::default() };
        let attribute = vec![AttributeProto { name: Some("axis".to_owned()), ..axis }];
        NodeProto { attribute, ..operation(operator, inputs, y) }
    };
    let constant = |name: &str, values: &[f32]| match values {
        [_] => TensorProto { dims: Vec::new(), ..tensor::new(name, &[1], values) },
        _ => tensor::new(name, &[1, 2, 2], values),
    };
    GraphProto {
        input: vec![named("offsets")],
        output: vec![named("boxes")],
        initializer: vec![
            constant("step", &[step]),
            constant("steps", &[0.25]),
            constant("two", &[2.0]),
            constant("scale", &[1.0, 2.0, 3.0, 4.0]),
            constant("centres", &[0.1, 0.2, 0.3, 0.4]),
            constant("sizes", &[10.0, 20.0, 30.0, 40.0]),
        ],
        node: vec![
            slice("offsets", "xy", 0),
            operation("Mul", &["xy", "step"], "stepped"),
            operation("Mul", &["stepped", "scale"], "scaled"),
            operation("Add", &["scaled", "centres"], "moved"),
            slice("offsets", "wh", 2),
            operation("Mul", &["wh", "steps"], "exponents"),
            operation("Exp", &["exponents"], "exponentials"),
            operation("Mul", &["exponentials", "sizes"], "sized"),
            along("Concat", &["moved", "sized"], "centred"),
            slice("centred", "size", 2),
            operation("Div", &["size", "two"], "half"),
            slice("centred", "centre", 0),
            operation("Add", &["centre", "half"], "second"),
            operation("Sub", &["centre", "half"], "first"),
            along("Concat", &["first", "second"], "boxes"),
        ],
        ..GraphProto::default()
    }
}

#[test]
fn the_end_of_a_detector_becomes_one_operator_with_the_constants_of_each_box() {
    let graph = with_ours(end_of_detector(0.5), 8).unwrap().graph.unwrap();
    let [node] = &graph.node[..] else { panic!("one operator: {:?}", graph.node) };
    assert_eq!((node.op_type.as_deref(), &node.input[0][..], &node.output[0][..]), (Some(CORNERS), "offsets", "boxes"));
    let anchors = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(&node.input[1])).unwrap();
    assert_eq!(tensor::sizes(anchors), Some(vec![2, ANCHOR]));
    assert_eq!(tensor::floats(anchors).unwrap()[..8], [0.5, 1.0, 0.1, 0.2, 0.25, 0.25, 5.0, 10.0]);
}

#[test]
fn an_end_of_another_form_is_left_alone() {
    let mut graph = end_of_detector(0.5);
    graph.node.remove(12);
    assert_eq!(with_ours(graph, 8), None, "no second corner");
    let mut graph = end_of_detector(0.5);
    graph.initializer[2] = TensorProto { name: Some("two".to_owned()), ..tensor::new("", &[1], &[3.0]) };
    assert_eq!(with_ours(graph, 8), None, "not the half");
}
