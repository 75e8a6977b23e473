package restore

const childEnv = "RESTORE_TEST_CHILD"

func child(string) {}
