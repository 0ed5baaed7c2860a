//! Round trips against OpenSSL's own `cms`, and everything that arrives instead of a token file.

mod hostile;
mod kept;
mod made;
mod p7m;
