"""The rules of mutual credit, pure: no database, network, clock or chance.

`decide` answers events or a named refusal and changes nothing; `evolve` applies an event and never refuses.
`machine` is the table of contents: every noun, kind and event of the ledger stands there in a visible tuple.
Storeys: words < forms < state, refusals < accounts, keys < ledgers < members < transfers, cancels < machine.
"""
