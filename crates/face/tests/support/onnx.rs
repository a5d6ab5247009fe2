//! ONNX files of a few hundred bytes to a few kilobytes, written here field by field: networks that somebody brings.

/// What a network gives: a name, its size along each axis, and the numbers.
pub type Given = (&'static str, Vec<i64>, Vec<f32>);

/// An embedder whose numbers are the means of squares of `pool` × `pool` pixels of each plane: a tiny picture of the face.
pub fn pooling(side: i64, pool: i64) -> Vec<u8> {
    let squares = [ints("kernel_shape", &[pool, pool]), ints("strides", &[pool, pool])].concat();
    let nodes = [node("AveragePool", "picture", "squares", &squares), node("Flatten", "squares", "embedding", &[])];
    let across = side / pool;
    model(
        &nodes.concat(),
        &value("picture", &[1, 3, side, side], 11),
        &value("embedding", &[1, 3 * across * across], 12),
    )
}

/// A network that takes a picture of this size and gives the same whatever it is shown.
pub fn constant(input: &[i64], outputs: &[Given]) -> Vec<u8> {
    let mut inner = Vec::new();
    let mut told = Vec::new();
    for (name, shape, numbers) in outputs {
        let weights = format!("{name}.weights");
        inner.extend(node("Identity", &weights, name, &[]));
        inner.extend(block(5, &tensor(&weights, shape, numbers)));
        told.extend(value(name, shape, 12));
    }
    model(&inner, &value("picture", input, 11), &told)
}

/// Outputs of a YuNet whose one face scores 0.9 in the cell of `stride` at `column` and `row`: two cells wide and high about the
/// cell's middle, its points 0.1, 0.2 … 0.5 cells right of and below the cell's corner.
pub fn yunet(side: usize, stride: usize, (column, row): (usize, usize)) -> Vec<Given> {
    let names = [
        ("cls_8", "obj_8", "bbox_8", "kps_8"),
        ("cls_16", "obj_16", "bbox_16", "kps_16"),
        ("cls_32", "obj_32", "bbox_32", "kps_32"),
    ];
    let mut given = Vec::new();
    for ((cls, obj, bbox, kps), of) in names.into_iter().zip([8, 16, 32]) {
        let cells = (side / of) * (side / of);
        let mut add = |name, numbers: &[f32]| {
            let mut all = vec![0.0; cells * numbers.len()];
            if of == stride {
                let start = (row * (side / of) + column) * numbers.len();
                all[start..start + numbers.len()].copy_from_slice(numbers);
            }
            given.push((name, vec![1, cells as i64, numbers.len() as i64], all));
        };
        add(cls, &[0.9]);
        add(obj, &[0.9]);
        add(bbox, &[0.5, 0.5, 2.0f32.ln(), 2.0f32.ln()]);
        add(kps, &[0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]);
    }
    given
}

/// So many numbers, rising from 0 to 1.
pub fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| at as f32 / count as f32).collect()
}

fn model(inner: &[u8], input: &[u8], outputs: &[u8]) -> Vec<u8> {
    let graph = [inner, &text(2, "brought"), input, outputs].concat();
    [number(1, 8), block(7, &graph), block(8, &number(2, 13))].concat()
}

fn node(operator: &str, input: &str, output: &str, attributes: &[u8]) -> Vec<u8> {
    block(1, &[&text(1, input), &text(2, output), &text(4, operator), attributes].concat())
}

fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values = values.iter().flat_map(|value| number(8, *value)).collect();
    block(5, &[text(1, name), values, number(20, 7)].concat())
}

fn tensor(name: &str, shape: &[i64], numbers: &[f32]) -> Vec<u8> {
    let sides = shape.iter().flat_map(|side| number(1, *side)).collect();
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [sides, number(2, 1), text(8, name), block(9, &raw)].concat()
}

fn value(name: &str, shape: &[i64], field: u64) -> Vec<u8> {
    let sides: Vec<u8> = shape.iter().flat_map(|side| block(1, &number(1, *side))).collect();
    let kind = block(1, &[number(1, 1), block(2, &sides)].concat());
    block(field, &[text(1, name), block(2, &kind)].concat())
}

fn text(field: u64, text: &str) -> Vec<u8> {
    block(field, text.as_bytes())
}

fn block(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
