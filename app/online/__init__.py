"""The two services that answer: gateway and ranker."""
