use proptest::prelude::*;

use super::reader::Reader;
use super::*;

/// Writes as dlib does.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn integer(mut self, value: i64) -> Self {
        let bytes = value.unsigned_abs().to_le_bytes();
        let count = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        self.0.push(count as u8 | if value < 0 { 0x80 } else { 0 });
        self.0.extend(&bytes[..count]);
        self
    }

    fn integers(self, values: &[i64]) -> Self {
        values.iter().fold(self, |writer, value| writer.integer(*value))
    }

    /// Quarters are exact in two bits of fraction.
    fn float(self, value: f64) -> Self {
        self.integer((value * 4.0) as i64).integer(-2)
    }

    fn text(self, text: &str) -> Self {
        let mut writer = self.integer(text.len() as i64);
        writer.0.extend(text.as_bytes());
        writer
    }

    fn tensor(self, dims: [i64; 4], values: &[f32]) -> Self {
        let mut writer = self.integer(2).integers(&dims);
        writer.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        writer
    }

    fn state(mut self) -> Self {
        self.0.extend(b"000");
        (0..3).fold(self, |writer, _| writer.tensor([0; 4], &[]))
    }

    fn window(self, size: i64, stride: i64, padding: i64) -> Self {
        self.integers(&[size, size, stride, stride, padding, padding])
    }

    /// A convolution of 1×1 with `filters` filters over `channels` channels.
    fn convolution(self, filters: i64, channels: i64) -> Self {
        let count = filters * channels + filters;
        let learning = self
            .text("con_4")
            .tensor([count, 1, 1, 1], &vec![0.5; count as usize])
            .integer(filters)
            .window(1, 1, 0)
            .integers(&[1, filters, channels, 1, 1])
            .integers(&[1, 1, filters, 1, 1]);
        (0..4).fold(learning, |writer, _| writer.float(1.0)).state()
    }

    fn affine(self, channels: i64) -> Self {
        let part = [1, 1, channels, 1, 1];
        let values = vec![2.0; channels as usize * 2];
        let writer = self.text("affine_").tensor([channels * 2, 1, 1, 1], &values);
        writer.integers(&part).integers(&part).integer(0).state()
    }
}

/// 4×4 pixels, one convolution, and a residual block around another one with more channels.
fn network() -> Vec<u8> {
    let down = Writer::default().integer(1).text("loss_metric_2").float(0.25).float(0.5);
    // The sum, affine, convolution, tag; then the lowest layer.
    let down = down.integers(&[2, 2, 2, 1, 3]);
    let input = down.text("input_rgb_image_sized").float(122.0).float(117.0).float(104.0).integers(&[4, 4]);
    let up = input.convolution(2, 3).integer(1);
    up.convolution(5, 2).affine(5).text("add_prev_").state().0
}

#[test]
fn a_network_becomes_a_graph_with_its_affine_layers_folded_and_its_sums_padded() {
    use prost::Message as _;
    let model = crate::onnx_proto::ModelProto::decode(&to_onnx(&network()).unwrap()[..]).unwrap();
    let graph = model.graph.unwrap();
    let operators: Vec<&str> = graph.node.iter().filter_map(|node| node.op_type.as_deref()).collect();
    assert_eq!(operators, ["Conv", "Conv", "Pad", "Add"]);
    let folded: Vec<u8> = [1.0_f32; 10].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(graph.initializer[2].raw_data.as_ref(), Some(&folded), "0.5 of each weight, times 2");
    let bias: Vec<u8> = [3.0_f32; 5].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(graph.initializer[3].raw_data.as_ref(), Some(&bias), "0.5 times 2, and 2");
}

#[test]
fn a_network_that_was_cut_short_or_goes_on_is_refused() {
    let whole = network();
    for length in 0..whole.len() {
        assert!(to_onnx(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
    let error = to_onnx(&[&whole[..], &[0]].concat()).unwrap_err().to_string();
    assert!(error.contains("1 bytes are left over"), "{error}");
}

#[test]
fn a_layer_that_is_not_known_is_named() {
    let text = network().windows(9).position(|bytes| bytes == b"add_prev_").unwrap();
    let mut bytes = network();
    bytes[text..text + 9].copy_from_slice(b"mult_prev");
    let error = to_onnx(&bytes).unwrap_err().to_string();
    assert!(error.contains("mult_prev"), "{error}");
}

#[test]
fn a_tensor_larger_than_the_file_is_refused_before_it_is_allocated() {
    let bytes = Writer::default().tensor([1 << 30, 1 << 30, 1, 1], &[1.0]).0;
    assert!(Reader::new(&bytes).tensor().unwrap_err().to_string().contains("larger than the file"));
}

/// Two points, one stage, one tree with one split.
fn predictor(second_probe: i64) -> Vec<u8> {
    let shape = |writer: Writer, values: [f64; 4]| values.into_iter().fold(writer.integers(&[-4, -1]), Writer::float);
    let writer = shape(Writer::default().integer(1), [0.25, 0.5, 0.75, 0.5]);
    let writer = writer.integers(&[1, 1, 1, 0, second_probe]).float(7.0).integer(2);
    let writer = shape(shape(writer, [0.0, 0.25, 0.0, 0.25]), [0.25, 0.0, 0.25, 0.0]);
    let writer = writer.integers(&[1, 2, 0, 1]);
    [0.25, 0.0, -0.25, 0.5].into_iter().fold(writer.integers(&[1, 2]), Writer::float).0
}

#[test]
fn a_shape_predictor_is_read_and_one_that_points_outside_itself_refused() {
    let read = ShapePredictor::parse(&predictor(1)).unwrap();
    assert_eq!(read.start, [[0.25, 0.5], [0.75, 0.5]]);
    assert_eq!(read.stages[0].probes[1], Probe { point: 1, offset: [-0.25, 0.5] });
    assert_eq!(read.stages[0].trees[0].splits, [Split { first: 0, second: 1, threshold: 7.0 }]);
    assert_eq!(read.stages[0].trees[0].leaves, [0.0, 0.25, 0.0, 0.25, 0.25, 0.0, 0.25, 0.0]);
    assert!(ShapePredictor::parse(&predictor(2)).unwrap_err().to_string().contains("pixels that it does not have"));
}

proptest! {
    #[test]
    fn changed_bytes_are_read_or_refused(at in 0..200_usize, byte: u8, which: bool) {
        let mut bytes = if which { network() } else { predictor(1) };
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = to_onnx(&bytes);
        let _ = ShapePredictor::parse(&bytes);
    }
}
