// Package scenario holds no code but tests: they drive real PostgreSQL clusters through what can go wrong with replication
// and hold what the replication package says of it against what was true. The truth comes from connections of their own
// and shares no code with what it judges.
//
// The default run takes about a minute. With OPS_CONSOLE_SCENARIO=long every phase lasts as long as an incident that
// somebody would look at, together about four minutes. With OPS_CONSOLE_SCENARIO_TABLE=FILE the table of errors by method
// is written there as Markdown. OPS_CONSOLE_POSTGRES chooses the servers.
package scenario
