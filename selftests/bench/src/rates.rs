// SPDX-License-Identifier: GPL-2.0

//! Figures from rates that other programs have measured.

use crate::{
    figure::Figure,
    measure::{figure, Mode},
};
use anyhow::{bail, ensure, Context, Result};

/// The figures from lines "APP\<TAB>WHAT\<TAB>POLLER\<TAB>RATE": one for each app, in the
/// order of their first lines.
pub fn figures(lines: &str) -> Result<Vec<Figure>> {
    let mut apps: Vec<(&str, [Vec<f64>; 2])> = Vec::new();
    for line in lines.lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let [app, _what, poller, rate] = columns[..] else {
            bail!("not four columns: {line}");
        };
        let rate = rate
            .parse()
            .with_context(|| format!("not a rate: {line}"))?;
        let place = apps.iter().position(|(name, _)| *name == app);
        let place = place.unwrap_or_else(|| {
            apps.push((app, Default::default()));
            apps.len() - 1
        });
        let [epoll, repoll] = &mut apps[place].1;
        match poller {
            "epoll" => epoll.push(rate),
            "repoll" => repoll.push(rate),
            _ => bail!("neither epoll nor repoll: {line}"),
        }
    }
    apps.into_iter()
        .map(|(app, [epoll, repoll])| {
            ensure!(
                epoll.len() == repoll.len(),
                "{app}: {} rates on epoll, {} on repoll",
                epoll.len(),
                repoll.len()
            );
            Ok(figure(
                &format!("rps-{app}"),
                &format!("{app}, requests per second"),
                Mode::Rps.unit(),
                epoll,
                repoll,
            ))
        })
        .collect()
}

/// How far apart the rates of a server may lie, if usually `usual` is allowed.
pub fn widest(key: &str, usual: f64) -> f64 {
    match key {
        // What a just-in-time compiler does depends on when it gets to run.
        "rps-node" => 0.05,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_an_app_are_one_figure() {
        let lines = "nginx\tr\tepoll\t100\nnginx\tr\trepoll\t98\n\
                     redis\tr\tepoll\t10\nredis\tr\trepoll\t20\n\
                     nginx\tr\tepoll\t200\nnginx\tr\trepoll\t196\n";
        let figures = figures(lines).unwrap();
        assert_eq!(figures[0].key, "rps-nginx");
        assert_eq!(figures[0].epoll.median, 150.0);
        assert_eq!(figures[0].ratio.median, 0.98);
        assert_eq!(figures[1].key, "rps-redis");
        assert_eq!(figures.len(), 2);
    }

    #[test]
    fn half_a_pair_is_refused() {
        assert!(figures("nginx\tr\tepoll\t100\n").is_err());
        assert!(figures("nginx\tr\tkqueue\t100\n").is_err());
        assert!(figures("nginx\tr\tepoll\tfast\n").is_err());
        assert!(figures("nginx\n").is_err());
    }
}
