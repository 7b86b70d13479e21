"""KGC, the demonstration source: schema, generated data, workload."""
