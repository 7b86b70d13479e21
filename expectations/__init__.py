"""What the data itself must look like on the target: Great Expectations suites."""
