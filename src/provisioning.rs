//! Plans of `rolecall_core::provisioning` as files: CloudFormation templates and Terraform configurations.
//!
//! The same plan has the same bytes. Names and descriptions are text in every format, whatever they contain.

pub mod cloudformation;
pub mod stack_sets;
pub mod terraform;

#[cfg(test)]
mod tests;
