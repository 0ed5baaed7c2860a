//! espalier's integration tests, in one binary: the product seen from outside, and the judges that
//! hold it to what others wrote.

mod cli;
mod contract_judge;
mod crash;
mod faults;
mod field_judge;
mod field_table;
mod growth;
mod screens_not_taken;
mod support;
mod test_env;
