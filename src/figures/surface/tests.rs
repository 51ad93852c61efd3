use super::super::clip::clipped;
use super::super::colormap::Colours;
use super::super::look::Look;
use super::super::output::tests::{check_page, check_page_aslant, texts};
use super::super::style::Width;
use super::super::ticks::Axis;
use super::*;

/// Three basins, one at each model, on a plane of the study's shape.
fn surface(points: usize, scale: f64, name: Option<&str>) -> SurfacePlane {
    let axis = |scale: f64| -> Vec<f64> {
        (0..points).map(|point| scale * (8.0 * point as f64 / (points - 1) as f64 - 4.0)).collect()
    };
    let (x, y) = (axis(1.0), axis(scale));
    let places = [(0.0, 0.0), (1.0, 0.0), (0.45, scale)];
    let loss = |x: f64, y: f64| {
        let basin = |(px, py): (f64, f64), deep: f64| -deep * (-((x - px).powi(2) + (y - py).powi(2)) / 0.5).exp();
        let basins: f64 = places.into_iter().zip([0.5, 0.4, 0.55]).map(|(place, deep)| basin(place, deep)).sum();
        (0.9 + basins + 0.12 * (x - 0.4).hypot(y - 0.4)).max(0.2)
    };
    let values = y.iter().flat_map(|y| x.iter().map(|x| loss(*x, *y)).collect::<Vec<_>>()).collect();
    let names = ["7", "22", "31"].map(str::to_owned);
    SurfacePlane { x, y, values, places, names, name: name.map(str::to_owned) }
}

fn figure(surfaces: Vec<SurfacePlane>) -> Surfaces {
    Surfaces {
        width: if surfaces.len() == 1 { Width::Column } else { Width::Page },
        look: Look::default(),
        surfaces,
        value_label: "loss (nats)".to_owned(),
        from_zero: true,
        aslant: false,
        clip_x: None,
        clip_y: None,
        clip_z: None,
        title: None,
    }
}

fn figures() -> Vec<(&'static str, Surfaces)> {
    let one = figure(vec![surface(160, 0.9, None)]);
    let clip = |mut figure: Surfaces| {
        (figure.clip_x, figure.clip_y, figure.clip_z) = (Some([-1.0, 2.0]), Some([-1.0, 1.5]), Some([0.5, 1.0]));
        figure
    };
    let two = figure(vec![surface(80, 0.9, Some("in domain")), surface(80, 0.6, Some("out of domain"))]);
    let mut three =
        figure(vec![surface(21, 0.9, Some("a")), surface(40, 1.4, Some("b")), surface(160, 0.5, Some("c"))]);
    three.surfaces[1].places.swap(1, 2);
    three.surfaces[1].names = ["other/7@15000", "other/12@15000", "h0o3d12"].map(str::to_owned);
    let four = figure(["a", "b", "c", "d"].map(|name| surface(30, 0.8, Some(name))).into());
    vec![
        ("one", one.clone()),
        ("one-clipped", clip(one)),
        ("two", two.clone()),
        ("two-clipped", clip(two)),
        ("three", three.clone()),
        ("three-clipped", clip(three)),
        ("four", four),
    ]
}

#[test]
fn nothing_overlaps_or_leaves_the_page() {
    for (name, mut figure) in figures() {
        check_page(&figure.draw().unwrap());
        figure.title = Some(format!("{name}, with a title that is long enough to need a second line of the page"));
        figure.width = Width::Column;
        check_page(&figure.draw().unwrap());
    }
}

#[test]
fn a_landscape_has_its_models_axes_and_scale() {
    for (name, mut figure) in figures() {
        figure.aslant = true;
        let drawing = figure.draw().unwrap();
        check_page_aslant(&drawing);
        let shown = texts(&String::from_utf8(figure.render("x").unwrap().svg).unwrap());
        let expected = &figure.surfaces[0].names;
        assert!(expected.iter().all(|name| shown.contains(name)), "{name}: {shown:?}");
        assert!(
            shown.contains(&"loss (nats)".to_owned()) && shown.contains(&"distance".to_owned()),
            "{name}: {shown:?}"
        );
        // Cells that are farther are painted first, so the last polygon of a panel is at its front.
        figure.width = Width::Column;
        check_page_aslant(&figure.draw().unwrap());
    }
    for value in [0.0, 1.0, 1e-9] {
        let mut flat = figure(vec![surface(5, 0.9, None)]);
        flat.surfaces[0].values.fill(value);
        flat.aslant = true;
        check_page_aslant(&flat.draw().unwrap());
    }
}

#[test]
fn losses_begin_at_0_unless_they_are_clipped() {
    let ticks = |figure: &Surfaces| {
        let svg = String::from_utf8(figure.render("x").unwrap().svg).unwrap();
        texts(&svg).iter().filter(|text| text.as_str() == "0.0" || text.as_str() == "0.00").count()
    };
    let mut whole = figure(vec![surface(21, 0.9, None)]);
    whole.surfaces[0].values.iter_mut().for_each(|value| *value += 0.5);
    let from_zero = ticks(&whole);
    whole.from_zero = false;
    assert_eq!(from_zero, ticks(&whole) + 1);
    whole.from_zero = true;
    whole.clip_z = Some([0.6, 1.0]);
    assert_eq!(from_zero, ticks(&whole) + 1);
}

#[test]
fn a_surface_far_above_0_has_lines_of_its_own() {
    let mut high = figure(vec![surface(21, 0.9, None)]);
    high.surfaces[0].values.iter_mut().for_each(|value| *value = 0.66 + 0.03 * *value);
    check_page(&high.draw().unwrap());
    let axis = Axis::over(0.0, 0.7, 0.0, 150.0, false);
    let scale = Scale::new(&axis, (0.66, 0.7), Colours::Viridis);
    assert!(scale.run && scale.levels.len() >= 3 && scale.levels.iter().all(|level| (0.66..0.7).contains(level)));
    assert!((0..scale.levels.len()).any(|level| scale.text(level).is_some()));
    // The colours are those of the bar, which begins at 0: all near its upper end.
    assert_eq!(scale.blend(0.7), Colours::Viridis.at(1.0));
    let green = |band: usize| scale.ink(band).rgb.1;
    assert!((0..=scale.levels.len()).all(|band| green(band) >= scale.blend(0.65).rgb.1));
    assert!(!Scale::new(&axis, (0.1, 0.7), Colours::Viridis).run);
}

#[test]
fn models_axes_and_scale_are_named() {
    let figures = figures();
    let svg = |name: &str| {
        let figure = &figures.iter().find(|(other, _)| *other == name).unwrap().1;
        texts(&String::from_utf8(figure.render("x").unwrap().svg).unwrap())
    };
    let found = svg("two");
    for text in
        ["7", "22", "31", "in domain", "out of domain", "distance (7 and 22 are 1 apart)", "distance", "loss (nats)"]
    {
        assert!(found.contains(&text.to_owned()), "{text} in {found:?}");
    }
    // Swapped: the x axis leads to the model given last.
    assert!(svg("three").contains(&"distance".to_owned()), "{:?}", svg("three"));
}

#[test]
fn levels_stand_clear_of_everything_else() {
    for (name, mut figure) in figures() {
        figure.width = Width::Page;
        let fields = figure.fields().unwrap();
        let layout = figure.layout(&fields, 0.0, (0.2, 1.4));
        let scale = Scale::new(&layout.bar.axis, (0.2, 1.4), Colours::Viridis);
        let mut written = 0;
        for ((surface, field), panel) in figure.surfaces.iter().zip(&fields).zip(&layout.panels) {
            let models = paint::Models::of(panel, surface, &figure.look);
            let lines = paint::isolines(panel, field, &scale);
            let text = |level: usize| Some((scale.text(level)?, scale.ink(level)));
            let levels = isolines::levels(panel, &lines, text, &models.taken(), &models.joined);
            let places: Vec<[f64; 4]> = levels.iter().flatten().map(|level| level.place).collect();
            written += places.len();
            for (number, [left, top, right, bottom]) in places.iter().enumerate() {
                assert!(*left > panel.left && *right < panel.right && *top > panel.top && *bottom < panel.bottom);
                for [l, t, r, b] in places[number + 1..].iter().chain(&models.taken()) {
                    assert!(left >= r || right <= l || top >= b || bottom <= t, "{name}");
                }
                for [from, to] in &models.joined {
                    assert_eq!(clipped((*from, *to), (*left, *right), (*top, *bottom)), None, "{name}");
                }
            }
            for (line, level) in lines.iter().zip(&levels).filter_map(|(line, level)| Some((line, level.as_ref()?))) {
                assert_eq!(scale.text(line.level), Some(level.text.clone()));
                assert_ne!(
                    isolines::pieces(line, &levels),
                    std::slice::from_ref(&line.points),
                    "{name}: no gap for {}",
                    level.text
                );
            }
        }
        assert!(written >= 2, "{name}");
    }
}

#[test]
fn distances_on_the_page_are_those_in_the_plane() {
    for (_, figure) in figures() {
        let fields = figure.fields().unwrap();
        let layout = figure.layout(&fields, 0.0, (0.0, 1.0));
        let unit = |panel: &layout::Panel| {
            let (a, b, c) = (panel.point((0.0, 0.0)), panel.point((1.0, 0.0)), panel.point((0.0, 1.0)));
            (b.0 - a.0, a.1 - c.1)
        };
        let first = unit(&layout.panels[0]).0;
        for (across, up) in layout.panels.iter().map(unit) {
            assert!((across - first).abs() < 1e-9 && (up - first).abs() < 1e-9);
        }
    }
}

#[test]
fn colours_change_at_ticks_and_open_ends_have_their_own() {
    let axis = Axis::over(0.0, 1.0, 0.0, 150.0, false);
    let closed = Scale::new(&axis, (0.0, 1.0), Colours::Viridis);
    assert_eq!(closed.open, [false, false]);
    for (value, label) in &axis.ticks {
        let inner = *value > 0.0 && *value < 1.0;
        assert_eq!(closed.levels.iter().any(|level| (level - value).abs() < 1e-9), inner, "{label}");
    }
    let open = Scale::new(&axis, (-3.0, 7.0), Colours::Viridis);
    assert_eq!(open.levels.len(), closed.levels.len() + 2);
    assert_eq!((open.levels[0], *open.levels.last().unwrap()), (0.0, 1.0));
    let inks: std::collections::BTreeSet<_> = (0..=open.levels.len()).map(|band| open.ink(band).rgb).collect();
    assert_eq!(inks.len(), open.levels.len() + 1);
}

#[test]
fn odd_values_are_drawn_or_named() {
    for value in [0.0, 1.0, 1e-9, 1e9] {
        let mut flat = figure(vec![surface(5, 0.9, None)]);
        flat.surfaces[0].values.fill(value);
        check_page(&flat.draw().unwrap());
    }
    let mut broken = figure(vec![surface(5, 1.0, None)]);
    broken.surfaces[0].values[7] = f64::NAN;
    assert_eq!(
        broken.draw().unwrap_err().to_string(),
        "the value at x = 0.000, y = -2.000 is NaN, which has no place on an axis"
    );
    broken.surfaces[0].values.pop();
    assert!(matches!(broken.draw(), Err(PlotError::Mismatch { expected: 25, got: 24, .. })));
    let mut gone = figure(vec![surface(5, 1.0, None)]);
    gone.clip_x = Some([5.0, 6.0]);
    assert!(gone.draw().unwrap_err().to_string().contains("no part within the clips"));
    gone.surfaces[0].x[2] = -2.0;
    assert!(matches!(gone.draw(), Err(PlotError::NotDrawable { .. })));
    assert!(matches!(figure(Vec::new()).draw(), Err(PlotError::Nothing { .. })));
}

#[test]
fn numbers_are_the_points_that_are_shown() {
    let mut figure = figure(vec![surface(9, 1.0, None)]);
    figure.clip_x = Some([-1.0, 1.0]);
    let Numbers { columns } = figure.numbers();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["plane", "x", "y", "loss (nats)"]);
    let Column::Number(values) = &columns[3].1 else { panic!() };
    assert_eq!(values.len(), 3 * 9);
    assert_eq!(values[0], figure.surfaces[0].values[3]);
}
