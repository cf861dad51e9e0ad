"""Who a credential's holder is, as the eligibility check tells: adapters behind one protocol."""
