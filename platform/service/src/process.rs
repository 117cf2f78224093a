//! What Linux says of this process: memory, CPU time, open files, start. Elsewhere there is none
//! of it. Names are those of the Prometheus client libraries, which dashboards know.

use std::{fmt, fs};

/// Ticks of a second in `/proc`: `USER_HZ`, 100 on every architecture that Rust's std runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The operating system's figures for this process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Process {
    resident_bytes: u64,
    cpu_seconds: f64,
    open_files: usize,
    started_unix_seconds: f64,
}

/// Reads the figures; None where there is no `/proc` as on Linux.
pub(crate) fn read() -> Option<Process> {
    let times = parse_times(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let booted: f64 = parse_field(&fs::read_to_string("/proc/stat").ok()?, "btime")?;
    let resident_kib: u64 = parse_field(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")?;
    // The directory is open itself while it is read.
    let open_files = fs::read_dir("/proc/self/fd")
        .ok()?
        .count()
        .saturating_sub(1);
    Some(Process {
        resident_bytes: resident_kib * 1_024,
        cpu_seconds: times.cpu_ticks / TICKS_PER_SECOND,
        open_files,
        started_unix_seconds: booted + times.start_ticks / TICKS_PER_SECOND,
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Times {
    cpu_ticks: f64,
    start_ticks: f64,
}

/// Reads the fields 14 (user time), 15 (system time) and 22 (start) of `/proc/<pid>/stat`, see
/// proc(5). Field 2, the program's name in parentheses, may hold anything, also parentheses.
fn parse_times(stat: &str) -> Option<Times> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Times {
        cpu_ticks: field(14)? + field(15)?,
        start_ticks: field(22)?,
    })
}

/// Reads the first number of the line that begins with `name`.
fn parse_field<N: std::str::FromStr>(text: &str, name: &str) -> Option<N> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# HELP process_resident_memory_bytes Resident memory size in bytes."
        )?;
        writeln!(f, "# TYPE process_resident_memory_bytes gauge")?;
        writeln!(f, "process_resident_memory_bytes {}", self.resident_bytes)?;
        writeln!(
            f,
            "# HELP process_cpu_seconds_total User and system CPU time in seconds."
        )?;
        writeln!(f, "# TYPE process_cpu_seconds_total counter")?;
        writeln!(f, "process_cpu_seconds_total {}", self.cpu_seconds)?;
        writeln!(f, "# HELP process_open_fds Open file descriptors.")?;
        writeln!(f, "# TYPE process_open_fds gauge")?;
        writeln!(f, "process_open_fds {}", self.open_files)?;
        writeln!(
            f,
            "# HELP process_start_time_seconds Start time in seconds since 1970, UTC."
        )?;
        writeln!(f, "# TYPE process_start_time_seconds gauge")?;
        writeln!(
            f,
            "process_start_time_seconds {}",
            self.started_unix_seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 \
                        987654 1 2 3";

    #[test]
    fn a_program_name_with_parentheses_shifts_no_field() {
        assert_eq!(
            parse_times(STAT),
            Some(Times {
                cpu_ticks: 300.0,
                start_ticks: 987_654.0
            })
        );
    }

    #[test]
    fn a_cut_text_has_no_times() {
        assert_eq!(parse_times("4242 (a) S 1 2"), None);
        assert_eq!(parse_times(""), None);
    }

    #[test]
    fn a_field_is_found_by_the_start_of_its_line() {
        let status = "VmPeak:\t 9 kB\nVmRSS:\t  123 kB\n";
        assert_eq!(parse_field(status, "VmRSS:"), Some(123_u64));
        assert_eq!(parse_field::<u64>(status, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_files_and_has_started() {
        let process = read().unwrap();
        assert!(process.resident_bytes > 100_000, "{process:?}");
        assert!(process.open_files >= 3, "{process:?}");
        assert!(process.started_unix_seconds > 1.7e9, "{process:?}");
    }
}
