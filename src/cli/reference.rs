use super::exit::{Exit, Failure};
use crate::reference;

pub(super) fn schema() -> Result<Exit, Failure> {
    println!("{:#}", reference::schema());
    Ok(Exit::Done)
}
