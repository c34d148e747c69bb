//! `maglev`: its table against the paper's pseudocode, its balance, and which keys move.

use super::*;

/// The endpoint of every place.
fn table(rig: &mut Rig) -> Vec<usize> {
    match rig.table() {
        Table::Maglev([table, ..]) => table.iter().map(|place| *place as usize).collect(),
        other => panic!("{other:?}"),
    }
}

/// Figure "populating the lookup table" of the paper, for equal weights.
fn naive(endpoints: &[Endpoint]) -> Vec<usize> {
    const M: u64 = 65_537;
    let order = |at: usize| {
        let bits = endpoints[at].identity.bits;
        let (offset, skip) = (bits % M, mix(bits) % (M - 1) + 1);
        (0..M).map(move |j| ((offset + j * skip) % M) as usize)
    };
    let mut orders: Vec<_> = (0..endpoints.len()).map(order).collect();
    let mut table = vec![usize::MAX; M as usize];
    let mut filled = 0;
    loop {
        for (at, order) in orders.iter_mut().enumerate() {
            let place = order.find(|place| table[*place] == usize::MAX).unwrap();
            table[place] = at;
            filled += 1;
            if filled == M {
                return table;
            }
        }
    }
}

#[test]
fn equal_weights_are_the_paper_s_table() {
    for n in [1, 2, 10, 100] {
        let mut rig = Rig::new(Kind::Maglev, &vec![1; n]);
        assert!(table(&mut rig) == naive(&rig.endpoints), "{n} endpoints");
    }
}

/// Within two places of the part that the weight stands for.
#[test]
fn shares_are_the_weights() {
    for weights in [&[1; 10][..], &[1; 100], &[1, 2, 3, 10], &[65_535, 1, 300]] {
        let table = table(&mut Rig::new(Kind::Maglev, weights));
        let total: u32 = weights.iter().sum();
        for (at, weight) in weights.iter().enumerate() {
            let places = table.iter().filter(|slot| **slot == at).count() as f64;
            let part = 65_537.0 * f64::from(*weight) / f64::from(total);
            assert!(
                (places - part).abs() <= 2.0,
                "{weights:?}: {places} of {part}"
            );
        }
    }
}

/// algorithms.md 1.12: beyond the keys of the endpoint that goes 0.19 % (n = 10), 0.58 % (n = 100).
#[test]
fn few_keys_move_when_one_goes() {
    for (n, most) in [(10, 0.004), (100, 0.01)] {
        let mut rig = Rig::new(Kind::Maglev, &vec![1; n]);
        let before = table(&mut rig);
        rig.set_member(3, false);
        let moved = moved(&before, &table(&mut rig), 3);
        assert!(moved < most, "{n} endpoints: {moved}");
    }
}

/// A key's place is drawn, so counts are those of a draw from the table.
#[test]
fn keys_are_spread_as_the_table_is() {
    let mut rig = Rig::new(Kind::Maglev, &[1, 2, 3, 10]);
    assert_shares(&rig.counts(40_000), &[1.0, 2.0, 3.0, 10.0]);
}

/// The keys of one that is full go to all others by weight, not to one neighbour.
#[test]
fn who_is_full_overflows_to_all_others() {
    let mut rig = Rig::new(Kind::Maglev, &[1, 1, 2, 1]);
    rig.endpoints[3].max_connections = 0;
    assert_shares(&rig.counts(40_000), &[1.0, 1.0, 2.0, 0.0]);
}
