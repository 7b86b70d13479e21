"""The rehearsal's night: a cutover, the way back and a second cutover on embedded servers."""
