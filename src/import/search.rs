//! What searches gain by: codes and graphs, built over the matrices of an index that is not yet published; and how much the
//! graphs find, measured.

use super::corpus::ModalitySource;
use super::{Error, Talk};
use crate::codes::{self, Codes, RowCodes};
use crate::graph::{self, Graph, Known, Navigator, Params};
use crate::index::{codes_file, graph_file, held_out, matrix_file};
use crate::kernels::Block;
use crate::matrix::{Matrix, Metric};
use crate::retrieve::measure;
use crate::wire::{GraphRecord, SearchFiles, SearchRecord};
use crate::words::{MatrixRow, Row};
use std::path::Path;

/// A modality of fewer rows has neither codes nor graph unless asked for: a scan takes well under a millisecond.
pub(super) const LEAST_ROWS: usize = 1024;
/// Recall is measured by at most so many queries, and at most one in ten of those that are known.
const QUERIES: usize = 1000;

/// Builds what each modality needs in the folder that holds the matrices.
pub(super) fn build(
    folder: &Path,
    modalities: &[ModalitySource],
    samples: u32,
    talk: &dyn Talk,
) -> Result<SearchFiles, Error> {
    let open = |m: &ModalitySource| Matrix::open(&folder.join(matrix_file(&m.name)), samples);
    let matrices: Vec<Matrix> = modalities.iter().map(open).collect::<Result<_, _>>()?;
    let mut search = SearchFiles::default();
    for (modality, matrix) in modalities.iter().zip(&matrices) {
        if matrix.len() < LEAST_ROWS && modality.graph.wanted != Some(true) {
            continue;
        }
        let name = modality.name.clone();
        let wanted = modality.graph.wanted.unwrap_or(matrix.metric() == Metric::Cosine) && !matrix.is_empty();
        let (codes, graph) = if wanted {
            let known = known_for(modality, matrix, modalities, &matrices)?;
            let (codes, graph) = with_graph(folder, &name, matrix, known, modality.graph.params, talk)?;
            (codes, Some(graph))
        } else {
            talk.begin(&format!("codes of {name}"), 0);
            let places: Vec<u32> = (0..matrix.len() as u32).collect();
            let encoded = RowCodes::encode(matrix.rows(), places.clone());
            (codes::write(&folder.join(codes_file(&name)), &encoded, &places)?.into(), None)
        };
        search.modalities.push(SearchRecord { name, codes, graph });
    }
    Ok(search)
}

/// The modality whose vectors ask for this one's: the one named, or, as images are asked for by the captions of the same
/// encoder, the twin.
fn known_for<'a>(
    of: &ModalitySource,
    matrix: &Matrix,
    modalities: &'a [ModalitySource],
    matrices: &'a [Matrix],
) -> Result<Option<(&'a str, &'a Matrix)>, Error> {
    if of.graph.params.cross == 0 {
        return Ok(None);
    }
    let twin = || of.name.strip_suffix("-image").map(|stem| format!("{stem}-text"));
    let Some(name) = of.graph.queries.clone().or_else(twin) else { return Ok(None) };
    let Some(at) = modalities.iter().position(|m| m.name == name) else { return Ok(None) };
    let (own, theirs) = (matrix.dim(), matrices[at].dim());
    if of.graph.queries.is_some() && own != theirs {
        let what =
            format!("graph.queries = {name:?} has rows of {theirs}, not {own}: queries must be of the same encoder");
        let file = of.files.first().map_or(Path::new(&of.name), |f| &f.path);
        return Err(Error::file(file, what));
    }
    let fits = own == theirs && matrices[at].metric() == Metric::Cosine;
    Ok(fits.then_some((modalities[at].name.as_str(), &matrices[at])))
}

fn with_graph(
    folder: &Path,
    name: &str,
    matrix: &Matrix,
    known: Option<(&str, &Matrix)>,
    params: Params,
    talk: &dyn Talk,
) -> Result<(crate::wire::FileRecord, GraphRecord), Error> {
    // Every so manieth query is held out of the build, to be asked afterwards.
    let all = known.map_or(matrix.len(), |(_, known)| known.len());
    let asked = QUERIES.min(all / 10).max(1).min(all);
    let held_out: Vec<usize> = held_out(all, asked).collect();
    let [codes_path, graph_path] = [codes_file(name), graph_file(name)].map(|file| folder.join(file));
    let rows = matrix.len() as u64;
    let progress = |n: u64| talk.advance(n);
    let built = match known {
        Some((_, known)) => {
            let mut others = Vec::with_capacity(known.len());
            others.extend((0..known.len()).filter(|q| held_out.binary_search(q).is_err()));
            talk.begin(&format!("graph of {name}"), rows + 2 * others.len() as u64);
            let vector = |q: usize| known.vector(MatrixRow(others[q] as u32))[..known.dim()].to_vec();
            let known = Known { len: others.len(), vector: &vector };
            graph::build(matrix.rows(), Some(&known), params, [&codes_path, &graph_path], &progress)?
        }
        None => {
            talk.begin(&format!("graph of {name}"), rows);
            graph::build(matrix.rows(), None, params, [&codes_path, &graph_path], &progress)?
        }
    };
    talk.begin(&format!("recall of {name}"), 0);
    let (of, mut queries) = (known.map_or(matrix, |k| k.1), Block::new(matrix.dim())?);
    for &row in &held_out {
        queries.push(&of.padded(MatrixRow(row as u32))[..matrix.dim()])?;
    }
    // Rows that ask for others like them are not to find themselves.
    let own = |q: usize| known.is_none().then(|| Row(matrix.catalog_rows()[held_out[q]]));
    let codes = Codes::open(&codes_path, matrix.dim(), matrix.len())?;
    let graph = Graph::open(&graph_path, matrix.len())?;
    let navigator = Navigator::new(&graph, &codes, matrix.rows(), matrix.catalog_rows());
    let measured = measure(matrix, &navigator, &queries, own)?;
    if let Some(step) = measured.usual() {
        let recall = measured.recall(step);
        if recall < 0.95 {
            talk.note(&format!(
                "WARNING: {name}: the graph finds {:.1}% of the true {} nearest at ef {}: its answers may miss good candidates; \
                 ask with --exact, or with a greater --ef",
                recall * 100.0,
                measured.k,
                step.ef
            ));
        }
    }
    let record = GraphRecord { file: built.graph.into(), known: known.map(|k| k.0.to_owned()), measured };
    Ok((built.codes.into(), record))
}
