"""What `verify` looks at, a file each: the plan, the parts, the rows, strange files, the ending."""
