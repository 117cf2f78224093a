//! Units of the archive and of regulators, and exact ways from one to another.
//! Every factor is a ratio of integers by definition (a mile is 1609.344 m since 1959), so that a
//! number is rounded once, where it is written.

/// What is measured; only units of one dimension convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    None,
    Length,
    Speed,
    Time,
    Money,
    Angle,
}

/// A unit, as so many (`over` / `under`) of the first one of its dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    name: &'static str,
    dimension: Dimension,
    over: i64,
    under: i64,
}

impl Unit {
    /// Pure numbers.
    pub(crate) const ONE: Self = Self::new("1", Dimension::None, 1, 1);
    pub(crate) const M: Self = Self::new("m", Dimension::Length, 1, 1);
    pub(crate) const DM: Self = Self::new("dm", Dimension::Length, 1, 10);
    pub(crate) const MM: Self = Self::new("mm", Dimension::Length, 1, 1000);
    pub(crate) const CM_S: Self = Self::new("cm/s", Dimension::Speed, 1, 100);
    pub(crate) const S: Self = Self::new("s", Dimension::Time, 1, 1);
    pub(crate) const MS: Self = Self::new("ms", Dimension::Time, 1, 1000);
    pub(crate) const CENTS: Self = Self::new("cents", Dimension::Money, 1, 1);
    pub(crate) const DEGREES: Self = Self::new("degrees", Dimension::Angle, 1, 1);
    pub(crate) const CDEG: Self = Self::new("cdeg", Dimension::Angle, 1, 100);
    pub(crate) const E7: Self = Self::new("e7", Dimension::Angle, 1, 10_000_000);

    /// Every unit that a profile may name.
    const ALL: [Self; 20] = [
        Self::ONE,
        Self::M,
        Self::DM,
        Self::MM,
        Self::new("km", Dimension::Length, 1000, 1),
        Self::new("mi", Dimension::Length, 1_609_344, 1000),
        Self::new("ft", Dimension::Length, 3048, 10_000),
        Self::CM_S,
        Self::new("m/s", Dimension::Speed, 1, 1),
        Self::new("km/h", Dimension::Speed, 1000, 3600),
        Self::new("mph", Dimension::Speed, 44_704, 100_000),
        Self::S,
        Self::MS,
        Self::new("min", Dimension::Time, 60, 1),
        Self::new("h", Dimension::Time, 3600, 1),
        Self::CENTS,
        Self::new("dollars", Dimension::Money, 100, 1),
        Self::DEGREES,
        Self::CDEG,
        Self::E7,
    ];

    const fn new(name: &'static str, dimension: Dimension, over: i64, under: i64) -> Self {
        Self {
            name,
            dimension,
            over,
            under,
        }
    }

    /// The unit of a name, such as `mi`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name == name)
    }

    /// Every name, for those who look for the right one.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|unit| unit.name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether numbers of it can be told in `other`.
    pub fn converts_to(self, other: Self) -> bool {
        self.dimension == other.dimension
    }

    /// The unit that the end of a name tells: `tolls_cents` is in cents; else a pure number.
    pub(crate) fn of_suffix(name: &str) -> Self {
        name.rsplit_once('_')
            .and_then(|(_, suffix)| Self::named(suffix))
            .unwrap_or(Self::ONE)
    }
}

/// A number `digits` / 10^`decimals`, as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) digits: i64,
    pub(crate) decimals: u8,
}

impl Number {
    /// The longest fraction that is read.
    const MAX_DECIMALS: usize = 12;

    pub(crate) fn whole(digits: impl Into<i64>) -> Self {
        Self {
            digits: digits.into(),
            decimals: 0,
        }
    }

    /// Reads `-12.50`. None for what is no plain decimal number, and for one that has more than 12
    /// digits after the point or does not fit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let ends_well = !whole.is_empty() && !rest.ends_with('.');
        if !ends_well || !is_plain(whole) || !is_plain(fraction) {
            return None;
        }
        if fraction.len() > Self::MAX_DECIMALS {
            return None;
        }
        let mut digits = 0_i64;
        for byte in whole.bytes().chain(fraction.bytes()) {
            digits = digits
                .checked_mul(10)?
                .checked_add(i64::from(byte - b'0'))?;
        }
        Some(Self {
            digits: if is_negative { -digits } else { digits },
            decimals: fraction.len() as u8,
        })
    }

    /// The number in another unit with so many decimals, as its digits: rounded to the nearest,
    /// halves away from zero. None if it does not fit, or the units do not convert.
    pub(crate) fn convert(self, from: Unit, to: Unit, decimals: u8) -> Option<i64> {
        if !from.converts_to(to) {
            return None;
        }
        let over = i128::from(self.digits)
            .checked_mul(i128::from(from.over))?
            .checked_mul(i128::from(to.under))?
            .checked_mul(10_i128.checked_pow(u32::from(decimals))?)?;
        let under = i128::from(from.under)
            .checked_mul(i128::from(to.over))?
            .checked_mul(10_i128.checked_pow(u32::from(self.decimals))?)?;
        let half = under / 2;
        let rounded = (over.abs() + half) / under * over.signum();
        i64::try_from(rounded).ok()
    }
}
