package sixpn

import (
	"encoding/xml"
	"fmt"
	"time"
)

// rss is the feed in the form podcast clients read.
type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title       string `xml:"title"`
	Link        string `xml:"link"`
	Description string `xml:"description"`
	Language    string `xml:"language"`
	PubDate     string `xml:"pubDate"`
	Generated   string `xml:"lastBuildDate"`
	Items       []item `xml:"item"`
}

type item struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	GUID        string    `xml:"guid"`
	PubDate     string    `xml:"pubDate"`
	Description string    `xml:"description"`
	Enclosure   enclosure `xml:"enclosure"`
}

type enclosure struct {
	URL    string `xml:"url,attr"`
	Length int    `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

// feed renders the RSS of a page. lastBuildDate is when it was asked for, as careless feeds have it.
func feed(p page) ([]byte, error) {
	out := rss{Version: "2.0", Channel: channel{
		Title:       "Changelog",
		Link:        "https://changelog.example/",
		Description: "A show that is not there, about software that is.",
		Language:    "en-us",
		PubDate:     p.Modified.Format(time.RFC1123Z),
		Generated:   p.Rendered.Format(time.RFC1123Z),
	}}
	for _, e := range p.Episodes {
		out.Channel.Items = append(out.Channel.Items, item{
			Title:       e.Title,
			Link:        "https://changelog.example/episodes/" + e.Slug,
			GUID:        fmt.Sprintf("changelog.example/%d", e.Number),
			PubDate:     e.Published.Format(time.RFC1123Z),
			Description: e.Summary,
			Enclosure:   enclosure{fmt.Sprintf("https://changelog.example/audio/%d/%s.mp3", e.Number, e.Slug), e.Minutes * 960_000, "audio/mpeg"},
		})
	}
	b, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), b...), nil
}
