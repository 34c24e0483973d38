//! Reports from end to end: built from a run, drawn by real workers, read back with other people's tools.

mod report_sample;

use std::path::Path;

use report_sample::{Remembered, previous, run};
use rounds::model::Lang;
use rounds::report::{Limits, Rendered, Shape, Source, Templates, render};

fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rounds"))
}

fn rendered(lang: Lang, shapes: &[Shape]) -> Rendered {
    let (run, previous) = (run(), previous());
    let source = Source { run: &run, previous: Some(&previous), history: &Remembered };
    render(&source, lang, shapes, &Templates::default(), exe(), Limits::default()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Writes the samples into `target/report-samples`, for looking at: `cargo test --test report -- --ignored samples`.
#[test]
#[ignore = "for looking at"]
fn samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report-samples");
    std::fs::create_dir_all(&folder).unwrap();
    for lang in Lang::ALL {
        for (shape, bytes) in rendered(lang, &Shape::ALL).files {
            std::fs::write(folder.join(format!("{}.{}", lang.code(), shape.extension())), bytes).unwrap();
        }
    }
}
