"""Who the patient is: card requests, one-time challenges, proofs, trust anchors, revocation."""
