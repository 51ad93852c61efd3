//! Maps of values to colours, which are perceptually uniform and readable in grey and with any colour vision.

use super::ink::Ink;
use super::style::{TEXT, WHITE};
use crate::words::words;

words! {
    /// A map of values to colours; `_r` is the same turned round, as in matplotlib.
    #[derive(Default)]
    pub enum Colours {
        #[default]
        Viridis = "viridis",
        ViridisTurned = "viridis_r",
        Magma = "magma",
        MagmaTurned = "magma_r",
        Cividis = "cividis",
        CividisTurned = "cividis_r",
        Greys = "greys",
        GreysTurned = "greys_r",
    }
}

type Anchors = [(u8, u8, u8); 11];

/// Matplotlib's maps at 0, 0.1, … 1; straight lines in sRGB between them stay within two of 255 levels of viridis and
/// within a few of the others.
const VIRIDIS: Anchors = [
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
const MAGMA: Anchors = [
    (0, 0, 4),
    (20, 14, 54),
    (59, 15, 112),
    (100, 26, 128),
    (140, 41, 129),
    (183, 55, 121),
    (222, 73, 104),
    (247, 112, 92),
    (254, 159, 109),
    (254, 207, 146),
    (252, 253, 191),
];
const CIVIDIS: Anchors = [
    (0, 34, 78),
    (8, 51, 112),
    (53, 69, 108),
    (79, 87, 108),
    (102, 105, 112),
    (125, 124, 120),
    (148, 142, 119),
    (174, 163, 113),
    (200, 184, 102),
    (229, 207, 82),
    (254, 232, 56),
];
/// From white to black.
const GREYS: Anchors = [
    (255, 255, 255),
    (243, 243, 243),
    (226, 226, 226),
    (206, 206, 206),
    (181, 181, 181),
    (149, 149, 149),
    (122, 122, 122),
    (95, 95, 95),
    (64, 64, 64),
    (29, 29, 29),
    (0, 0, 0),
];

impl Colours {
    /// Colour at `share`, from 0 to 1; what lies outside gets the nearest end.
    pub(super) fn at(self, share: f64) -> Ink {
        let (anchors, turned) = match self {
            Self::Viridis => (&VIRIDIS, false),
            Self::ViridisTurned => (&VIRIDIS, true),
            Self::Magma => (&MAGMA, false),
            Self::MagmaTurned => (&MAGMA, true),
            Self::Cividis => (&CIVIDIS, false),
            Self::CividisTurned => (&CIVIDIS, true),
            Self::Greys => (&GREYS, false),
            Self::GreysTurned => (&GREYS, true),
        };
        let share = if turned { 1.0 - share } else { share };
        let place = share.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let below = (place as usize).min(anchors.len() - 2);
        let (from, to, rest) = (anchors[below], anchors[below + 1], place - below as f64);
        let mix = |from: u8, to: u8| (f64::from(from) + rest * (f64::from(to) - f64::from(from))).round() as u8;
        Ink::solid(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
    }
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
    use crate::words::Word;

    #[test]
    fn letters_stand_out_on_every_colour() {
        for (step, colours) in (0..=50).flat_map(|step| Colours::ALL.iter().map(move |colours| (step, colours))) {
            let ground = colours.at(f64::from(step) / 50.0);
            let (one, other) = (luminance(ground) + 0.05, luminance(readable_on(ground)) + 0.05);
            assert!(one.max(other) / one.min(other) > 3.4, "{step} of {colours}");
        }
        assert_eq!((readable_on(Colours::Viridis.at(0.0)), readable_on(Colours::Viridis.at(1.0))), (WHITE, TEXT));
    }

    #[test]
    fn lightness_rises_all_the_way() {
        for colours in [Colours::Viridis, Colours::Magma, Colours::Cividis, Colours::GreysTurned] {
            let lightness = |share: f64| luminance(colours.at(share));
            for step in 0..50 {
                let share = f64::from(step) / 50.0;
                assert!(lightness(share + 0.02) >= lightness(share), "{colours} {share}");
            }
        }
        assert_eq!(Colours::Viridis.at(-1.0), Colours::Viridis.at(0.0));
        assert_eq!(Colours::Viridis.at(2.0).rgb, (0xfd, 0xe7, 0x25));
        assert_eq!(Colours::MagmaTurned.at(0.2), Colours::Magma.at(0.8));
    }
}
