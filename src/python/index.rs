//! The class `Index`.

use super::arrays::{Vectors, elements, fill};
use super::errors::Fault;
use super::opened::Opened;
use super::part::{Part, Plan};
use super::questions::Questions;
use super::settings::{Ask, Matching};
use crate::report::describe;
use crate::words::{Row, SampleId};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// An index, mapped; shared by threads.
#[pyclass(frozen, module = "mispair._native")]
pub(super) struct Index(Arc<Opened>);

/// An id as Python has it.
#[derive(IntoPyObject)]
enum Id {
    Int(i64),
    Text(String),
}

#[pymethods]
impl Index {
    #[new]
    #[pyo3(signature = (path, threads=None))]
    fn new(py: Python<'_>, path: PathBuf, threads: Option<usize>) -> PyResult<Index> {
        let opened = py.detach(|| Opened::new(&path, threads))?;
        Ok(Index(Arc::new(opened)))
    }

    fn __len__(&self) -> usize {
        self.0.index.catalog.len() as usize
    }

    /// The folder, as it was named.
    #[getter]
    fn path(&self) -> PathBuf {
        self.0.index.path.clone()
    }

    /// What `mispair info --format json` prints.
    fn describe(&self, py: Python<'_>) -> String {
        py.detach(|| describe(&self.0.index).to_string())
    }

    /// Answers one question by its settings (JSON) and vectors, as a document (JSON).
    fn query(&self, py: Python<'_>, settings: &str, vectors: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<String> {
        let ask = Ask::read(settings)?;
        let questions = Questions::new(&self.0, &ask, read(vectors)?, 0)?;
        let document = self.0.away(py, || {
            let answer = questions.answers(true).pop();
            let answer = answer.ok_or_else(|| Fault::question("nothing is asked"))??;
            serde_json::to_string(&answer).map_err(Fault::failed)
        })?;
        Ok(document?)
    }

    /// Answers many questions, the numbers `first` and following of those that the caller has, into arrays of k columns: rows,
    /// scores, CTI and its margins; −1 and NaN where there is none. Returns what there is to say about questions with fewer than
    /// k results: why; and whether that is an error. With `skip` errors are said there; else the first is raised.
    #[expect(clippy::too_many_arguments, reason = "called by the Python half alone")]
    fn batch(
        &self,
        py: Python<'_>,
        settings: &str,
        vectors: Vec<(String, Bound<'_, PyAny>)>,
        first: usize,
        skip: bool,
        rows: PyBuffer<i64>,
        scores: PyBuffer<f32>,
        clip: PyBuffer<f32>,
        margins: PyBuffer<f32>,
    ) -> PyResult<Vec<(usize, String, bool)>> {
        let ask = Ask::read(settings)?;
        let questions = Questions::new(&self.0, &ask, read(vectors)?, first)?;
        let (k, room) = (ask.k, rows.item_count());
        if questions.count.checked_mul(k) != Some(room) {
            return Err(Fault::Question(format!("{room} elements are no room for {k} results a query")).into());
        }
        let answers = self.0.away(py, || questions.answers(false))?;
        let mut found = (vec![-1; room], vec![f32::NAN; room], vec![f32::NAN; room], vec![f32::NAN; room]);
        let mut said = Vec::new();
        for (i, answer) in answers.into_iter().enumerate() {
            let answer = match answer {
                Ok(answer) => answer,
                Err(fault) if skip => {
                    said.push((first + i, fault.text(), true));
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            for (hit, at) in answer.results.iter().zip(i * k..) {
                (found.0[at], found.1[at]) = (i64::from(hit.row.0), hit.score);
                (found.2[at], found.3[at]) = (hit.clip.unwrap_or(f32::NAN), hit.clip_margin.unwrap_or(f32::NAN));
            }
            said.extend(answer.short.map(|why| (first + i, why, false)));
        }
        fill(py, &rows, &found.0)?;
        fill(py, &scores, &found.1)?;
        fill(py, &clip, &found.2)?;
        fill(py, &margins, &found.3)?;
        Ok(said)
    }

    /// Ids of rows; `None` for −1.
    fn ids(&self, py: Python<'_>, rows: PyBuffer<i64>) -> PyResult<Vec<Option<Id>>> {
        self.each(py, &rows, |row| match self.0.index.catalog.id(row) {
            SampleId::Int(n) => Id::Int(n),
            SampleId::Text(text) => Id::Text(text),
        })
    }

    /// Captions of rows; `None` for −1.
    fn captions<'a>(&'a self, py: Python<'_>, rows: PyBuffer<i64>) -> PyResult<Vec<Option<&'a str>>> {
        self.each(py, &rows, |row| self.0.index.catalog.caption(row))
    }

    /// Image paths of rows; `None` for −1.
    fn image_paths<'a>(&'a self, py: Python<'_>, rows: PyBuffer<i64>) -> PyResult<Vec<Option<&'a str>>> {
        self.each(py, &rows, |row| self.0.index.catalog.image_path(row))
    }

    /// The row of an id (JSON, so that 5 and "5" differ).
    fn row(&self, id: &str) -> PyResult<u32> {
        let id = SampleId::from_json(id).ok_or_else(|| Fault::question("an id is an integer of 64 bits or a text"))?;
        Ok(self.0.row(&id)?.0)
    }

    /// Writes the vectors of rows, as they are stored, into an array; NaN where a sample has none.
    fn vectors(&self, py: Python<'_>, modality: &str, rows: PyBuffer<i64>, out: PyBuffer<f32>) -> PyResult<()> {
        let matrix = self.0.index.matrix(modality).ok_or_else(|| self.0.unknown_modality(modality))?;
        let rows = self.each(py, &rows, |row| row)?;
        let mut vectors = vec![f32::NAN; rows.len() * matrix.dim()];
        for (row, vector) in rows.into_iter().zip(vectors.chunks_exact_mut(matrix.dim())) {
            if let Some(at) = row.and_then(|row| matrix.find(row)) {
                vector.copy_from_slice(&matrix.padded(at)[..matrix.dim()]);
            }
        }
        Ok(fill(py, &out, &vectors)?)
    }

    /// The chunks of a matching by their numbers, as `mispair match --list-chunks` lists them (JSON).
    fn chunks(&self, py: Python<'_>, settings: &str) -> PyResult<String> {
        let matching = Matching::read(settings)?;
        Ok(self.0.away(py, || Plan::new(&self.0, &matching)?.list())??)
    }

    /// Matches one chunk. `out`: into a part there, unless it is there already, and whole.
    #[pyo3(signature = (settings, number, out=None, force=false))]
    fn match_chunk(
        &self,
        py: Python<'_>,
        settings: &str,
        number: usize,
        out: Option<PathBuf>,
        force: bool,
    ) -> PyResult<Part> {
        let matching = Matching::read(settings)?;
        let part = self.0.away(py, || Plan::new(&self.0, &matching)?.part(number, out.as_deref(), force))??;
        Ok(Part::new(Arc::clone(&self.0), part))
    }
}

impl Index {
    fn each<T>(&self, py: Python<'_>, rows: &PyBuffer<i64>, value: impl Fn(Row) -> T) -> PyResult<Vec<Option<T>>> {
        let count = self.0.index.catalog.len();
        let one = |row: i64| match u32::try_from(row) {
            Ok(row) if row < count => Ok(Some(value(Row(row)))),
            _ if row == -1 => Ok(None),
            _ => {
                Err(Fault::Question(format!("no row {row}: there are 0 to {}, and −1 for none", i64::from(count) - 1)))
            }
        };
        Ok(elements(py, rows)?.into_iter().map(one).collect::<Result<_, _>>()?)
    }
}

fn read(vectors: Vec<(String, Bound<'_, PyAny>)>) -> Result<Vec<Vectors>, Fault> {
    vectors.into_iter().map(|(modality, array)| Vectors::read(modality, &array)).collect()
}
