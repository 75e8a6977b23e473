package sixpn

import "time"

// episode is one entry of the podcast.
type episode struct {
	Number    int
	Slug      string
	Title     string
	Summary   string
	Minutes   int
	Published time.Time
}

// EditionPrevious is the Behaviour.Content of an instance whose cache missed the newest episode. Any other name that
// is not empty is an edition that missed the newest two.
const EditionPrevious = "previous"

// editionOf is what an edition shows, newest first, and when it last changed.
func editionOf(name string, epoch time.Time) ([]episode, time.Time) {
	missing := 2
	switch name {
	case "":
		missing = 0
	case EditionPrevious:
		missing = 1
	}
	ee := catalogue(epoch)[missing:]
	return ee, ee[0].Published
}

// catalogue is every episode, newest first, one a week back from epoch. None of it exists.
func catalogue(epoch time.Time) []episode {
	ee := []episode{
		{
			Slug: "queues-all-the-way-down", Title: "Queues all the way down", Minutes: 71,
			Summary: "Back-pressure, bounded mailboxes, and why the fix for a full queue is rarely a bigger one.",
		},
		{
			Slug: "a-schema-for-monday", Title: "A schema for Monday", Minutes: 64,
			Summary: "Changing a table under load, told by people who have been paged for it.",
		},
		{
			Slug: "the-long-tail-of-latency", Title: "The long tail of latency", Minutes: 83,
			Summary: "What the 99th percentile hides, and what to draw instead.",
		},
		{
			Slug: "regions-and-other-lies", Title: "Regions and other lies", Minutes: 58,
			Summary: "Reading from the nearest copy, and finding out how near it was in time.",
		},
		{
			Slug: "supervise-this", Title: "Supervise this", Minutes: 92,
			Summary: "Let it crash, they said. Which parts, how often, and who is told?",
		},
		{
			Slug: "nine-ways-to-lose-a-backup", Title: "Nine ways to lose a backup", Minutes: 76,
			Summary: "A backup nobody has restored is a hope. Nine stories, two happy ends.",
		},
	}
	for n := range ee {
		ee[n].Number = 612 - n
		ee[n].Published = epoch.AddDate(0, 0, -7*n)
	}
	return ee
}
