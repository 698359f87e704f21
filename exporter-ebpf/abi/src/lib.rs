//! Records and constants that both sides of the kernel boundary share.
#![no_std]
