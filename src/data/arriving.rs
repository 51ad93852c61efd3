//! How much of a download has arrived, for whoever shows it: a download is deep inside, and takes long.

use std::cell::RefCell;

type Listener = Box<dyn Fn(u64, u64)>;

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Hears of this thread's downloads, as long as what is given back is kept: bytes of a file, and how many it has.
#[must_use]
pub fn listen(listener: impl Fn(u64, u64) + 'static) -> Listening {
    LISTENER.with_borrow_mut(|place| *place = Some(Box::new(listener)));
    Listening(())
}

pub struct Listening(());

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.with_borrow_mut(|place| *place = None);
    }
}

/// Of a file whose length is known.
pub(super) fn arrived(bytes: u64, all: Option<u64>) {
    if let Some(all) = all.filter(|all| *all > 0) {
        LISTENER.with_borrow(|listener| listener.iter().for_each(|tell| tell(bytes, all)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn who_listens_hears_and_then_no_more() {
        let heard = Rc::new(Cell::new((0, 0)));
        let ear = heard.clone();
        let listening = listen(move |bytes, all| ear.set((bytes, all)));
        arrived(3, None);
        assert_eq!(heard.get(), (0, 0));
        arrived(3, Some(7));
        assert_eq!(heard.get(), (3, 7));
        drop(listening);
        arrived(7, Some(7));
        assert_eq!(heard.get(), (3, 7));
    }
}
