//! How long does an exact top-10 take on these vectors? For comparisons with other libraries:
//! see `peers_exact.py`.
//!
//! ```text
//! cargo bench --bench exact_rows -- VECTORS.f32 QUERIES.f32 DIM THREADS [IDS.u32]
//! ```
//!
//! The files hold rows of DIM little-endian floats. One JSON line per batch size: `batch`,
//! `threads`, `repeats`, `min_s` and `median_s` per call, `cpu_s` (the least CPU time of a call,
//! all threads together: what counts where others use the machine; 0 where the system does not
//! tell), `backend`. IDS receives the rows found for all queries, 10 little-endian u32 each.

use mispair::exact::{Exact, Pool};
use mispair::kernels::{Block, backend_name};
use mispair::words::Order;
use std::error::Error;
use std::io::{BufReader, Read};
use std::time::Instant;

const K: usize = 10;

fn read(path: &str, dim: usize) -> Result<Block, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|e| format!("{path}: {e}"))?;
    let rows = file.metadata()?.len() as usize / (dim * 4);
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut block = Block::with_capacity(dim, rows)?;
    let (mut bytes, mut row) = (vec![0; dim * 4], vec![0.0; dim]);
    for _ in 0..rows {
        file.read_exact(&mut bytes)?;
        for (to, from) in row.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = f32::from_le_bytes(*from);
        }
        block.push(&row)?;
    }
    Ok(block)
}

/// CPU seconds that the threads of this process have had.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let on_cpu = |task: std::fs::DirEntry| -> Option<f64> {
        std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(on_cpu).sum::<f64>() / 1e9
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (vectors, queries, dim, threads, ids) = match args.as_slice() {
        [v, q, d, t] => (v, q, d, t, None),
        [v, q, d, t, ids] => (v, q, d, t, Some(ids)),
        _ => {
            eprintln!("cargo bench --bench exact_rows -- VECTORS.f32 QUERIES.f32 DIM THREADS [IDS.u32]");
            return Ok(()); // A plain `cargo bench` runs every benchmark.
        }
    };
    let (dim, threads) = (dim.parse()?, threads.parse()?);
    let (matrix, all) = (read(vectors, dim)?, read(queries, dim)?);
    let catalog_rows: Vec<u32> = (0..matrix.len() as u32).collect();
    let exact = Exact::new(matrix.rows(), &catalog_rows)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    for batch in [1, 8, 32, all.len()] {
        let mut part = Block::with_capacity(dim, batch)?;
        (0..batch.min(all.len())).filter_map(|q| all.rows().row(q)).try_for_each(|row| part.push_row(row))?;
        let ask = || pool.install(|| exact.top_k(&part, K, Order::Highest, Pool::All, |_, _| true));
        let mut found = ask()?;
        let repeats = if batch <= 32 { 9 } else { 2 };
        let (mut seconds, mut least_cpu) = (vec![], f64::INFINITY);
        for _ in 0..repeats {
            let (start, cpu) = (Instant::now(), cpu_seconds());
            found = ask()?;
            seconds.push(start.elapsed().as_secs_f64());
            least_cpu = least_cpu.min(cpu_seconds() - cpu);
        }
        seconds.sort_by(f64::total_cmp);
        println!(
            r#"{{"batch":{},"threads":{threads},"repeats":{repeats},"min_s":{},"median_s":{},"cpu_s":{least_cpu},"backend":"{}"}}"#,
            part.len(),
            seconds[0],
            seconds[repeats / 2],
            backend_name()
        );
        if let (Some(path), true) = (ids, batch == all.len()) {
            let bytes: Vec<u8> = found.best.iter().flatten().flat_map(|s| s.row.0.to_le_bytes()).collect();
            std::fs::write(path, bytes).map_err(|e| format!("{path}: {e}"))?;
        }
    }
    Ok(())
}
