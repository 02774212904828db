"""A witness of other ledgers' logs (C2SP `tlog-witness`): cosigns what provably goes on from what it saw last."""
