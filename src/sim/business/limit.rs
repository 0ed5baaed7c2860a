//! How often an API account may ask: sliding windows of the world's clock. Apple publishes neither
//! numbers nor scope; that a refused request does not count is made up.

use std::collections::VecDeque;

use crate::model::clock::Timestamp;

/// Takes one more request into a window of so many seconds, in which at most `most` are taken (0: any
/// number). `Err`: there is no room for so many seconds.
pub(in crate::sim) fn take(
    taken: &mut VecDeque<i64>,
    most: u32,
    seconds: u32,
    now: Timestamp,
) -> Result<(), u32> {
    let (now, window) = (now.as_millisecond(), i64::from(seconds) * 1000);
    while taken.front().is_some_and(|at| at + window <= now) {
        taken.pop_front();
    }
    if most == 0 {
        taken.clear();
        return Ok(());
    }
    match taken.front() {
        Some(first) if taken.len() >= most as usize => {
            // Whole seconds, of which none is too few.
            Err(u32::try_from((first + window - now + 999) / 1000).unwrap_or(seconds))
        }
        _ => {
            taken.push_back(now);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let mut taken = VecDeque::new();
        for millisecond in [0, 500, 1500] {
            assert_eq!(take(&mut taken, 3, 10, at(millisecond)), Ok(()));
        }
        assert_eq!(take(&mut taken, 3, 10, at(2000)), Err(8));
        assert_eq!(take(&mut taken, 3, 10, at(9999)), Err(1));
        assert_eq!(take(&mut taken, 3, 10, at(10_000)), Ok(()), "a refused one was not counted");
        assert_eq!(take(&mut taken, 3, 10, at(10_000)), Err(1));
        assert_eq!(take(&mut taken, 0, 10, at(10_000)), Ok(()), "no limit");
        assert_eq!(take(&mut taken, 1, 10, at(10_000)), Ok(()), "and none was remembered");
    }
}
