"""Decides whether a cutover may go on: the gate's verdict, the final gate, the approval."""
