"""What others build on, as documents; see `tests.contract.documents`."""
