//! espalier's integration tests, in one binary: the product seen from outside, and the judges that
//! hold it to what others wrote.

mod acts;
mod broken;
mod business;
mod business_client;
mod business_judge;
mod business_judged;
mod cli;
mod contract_judge;
mod crash;
mod dep_client;
mod dep_judge;
mod dep_judged;
mod direct;
mod every_field;
mod faults;
mod field_direct;
mod field_judge;
mod field_sim;
mod field_table;
mod fuzz;
mod growth;
mod managed_judged;
mod nanoaxm;
mod nanodep;
mod screens_not_taken;
mod sign_in;
mod sim_judged;
mod support;
mod tenants;
mod test_env;
