use face::YuvImage;

/// Fills `pixels` with the picture as a window wants it: `0x00RRGGBB`, row by row.
pub fn to_rgb0(image: &YuvImage, pixels: &mut Vec<u32>) {
    let (width, half) = (image.width() as usize, image.width() as usize / 2);
    pixels.resize(image.luma().len(), 0);
    let rows = pixels.chunks_exact_mut(width).zip(image.luma().chunks_exact(width));
    for (y, (row, luma)) in rows.enumerate() {
        let samples = y / 2 * half..(y / 2 + 1) * half;
        let chroma = image.chroma_u()[samples.clone()].iter().zip(&image.chroma_v()[samples]);
        for ((pair, lumas), (&u, &v)) in row.chunks_exact_mut(2).zip(luma.chunks_exact(2)).zip(chroma) {
            let tint = Tint::of(u, v);
            pair[0] = tint.pixel(lumas[0]);
            pair[1] = tint.pixel(lumas[1]);
        }
    }
}

/// What chroma adds to each colour, in 1/65536: the matrix of JPEG.
struct Tint {
    red: i32,
    green: i32,
    blue: i32,
}

impl Tint {
    fn of(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Self { red: 91_881 * v, green: -22_554 * u - 46_802 * v, blue: 116_130 * u }
    }

    fn pixel(&self, luma: u8) -> u32 {
        let luma = (i32::from(luma) << 16) + (1 << 15);
        let [red, green, blue] =
            [self.red, self.green, self.blue].map(|tint| ((luma + tint) >> 16).clamp(0, 255) as u32);
        red << 16 | green << 8 | blue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel_of(y: u8, u: u8, v: u8) -> u32 {
        let mut planes = vec![y; 4];
        planes.extend([u, v]);
        let mut pixels = Vec::new();
        to_rgb0(&YuvImage::new(2, 2, planes).unwrap(), &mut pixels);
        assert_eq!(pixels.len(), 4);
        pixels[3]
    }

    #[test]
    fn colours_come_out_as_they_went_in() {
        assert_eq!(pixel_of(255, 128, 128), 0x00ff_ffff);
        assert_eq!(pixel_of(0, 128, 128), 0);
        assert_eq!(pixel_of(76, 85, 255), 0x00fe_0000);
        assert_eq!(pixel_of(29, 255, 107), 0x0000_00fe);
    }

    #[test]
    fn each_pixel_has_the_chroma_of_its_own_square() {
        let mut planes = vec![100; 16];
        planes.extend([128, 128, 128, 255, 128, 128, 128, 128]);
        let mut pixels = Vec::new();
        to_rgb0(&YuvImage::new(4, 4, planes).unwrap(), &mut pixels);
        let blue = |x: usize, y: usize| pixels[y * 4 + x] & 0xff;
        assert_eq!([blue(0, 0), blue(3, 1), blue(1, 2), blue(2, 2), blue(3, 3)], [100, 100, 100, 255, 255]);
    }
}
