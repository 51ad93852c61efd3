//! Viridis: perceptually uniform, readable in grey and with any colour vision.

use super::ink::Ink;
use super::style::{TEXT, WHITE};

/// The map at 0, 0.1, … 1; straight lines in sRGB between them stay within two of 255 levels of the original.
const ANCHORS: [(u8, u8, u8); 11] = [
    (0x44, 0x01, 0x54),
    (0x48, 0x24, 0x75),
    (0x41, 0x44, 0x87),
    (0x35, 0x5f, 0x8d),
    (0x2a, 0x78, 0x8e),
    (0x21, 0x91, 0x8c),
    (0x22, 0xa8, 0x84),
    (0x44, 0xbf, 0x70),
    (0x7a, 0xd1, 0x51),
    (0xbd, 0xdf, 0x26),
    (0xfd, 0xe7, 0x25),
];

/// Colour at `share`, from 0 (dark violet) to 1 (yellow); what lies outside gets the nearest end.
pub(super) fn viridis(share: f64) -> Ink {
    let place = share.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f64;
    let below = (place as usize).min(ANCHORS.len() - 2);
    let (from, to, rest) = (ANCHORS[below], ANCHORS[below + 1], place - below as f64);
    let mix = |from: u8, to: u8| (f64::from(from) + rest * (f64::from(to) - f64::from(from))).round() as u8;
    Ink::solid(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Of black 0, of white 1.
fn luminance(ink: Ink) -> f64 {
    let (red, green, blue) = ink.rgb;
    let linear = |level: u8| (f64::from(level) / 255.0).powf(2.2);
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// Dark letters or white ones, whichever stand out more on this ground (WCAG's contrast).
pub(super) fn readable_on(ground: Ink) -> Ink {
    let contrast = |ink: Ink| {
        let (one, other) = (luminance(ink) + 0.05, luminance(ground) + 0.05);
        one.max(other) / one.min(other)
    };
    if contrast(TEXT) >= contrast(WHITE) { TEXT } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stand_out_on_every_colour() {
        for step in 0..=50 {
            let ground = viridis(f64::from(step) / 50.0);
            let (one, other) = (luminance(ground) + 0.05, luminance(readable_on(ground)) + 0.05);
            assert!(one.max(other) / one.min(other) > 3.5, "{step}");
        }
        assert_eq!((readable_on(viridis(0.0)), readable_on(viridis(1.0))), (WHITE, TEXT));
    }

    #[test]
    fn lightness_rises_all_the_way() {
        let lightness = |share: f64| luminance(viridis(share));
        for step in 0..50 {
            let share = f64::from(step) / 50.0;
            assert!(lightness(share + 0.02) > lightness(share), "{share}");
        }
        assert_eq!(viridis(-1.0), viridis(0.0));
        assert_eq!(viridis(2.0).rgb, (0xfd, 0xe7, 0x25));
    }
}
