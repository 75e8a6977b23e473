package platform

import (
	"cmp"
	"math"
	"slices"

	"ops-console/ops/fly"
)

// Regions is every place of the simulated platform, by code.
func Regions() []fly.Region {
	r := func(code, name string, lat, lon float64) fly.Region {
		return fly.Region{Code: code, Name: name, Latitude: lat, Longitude: lon, GatewayAvailable: true}
	}
	rr := []fly.Region{
		r("ams", "Amsterdam, Netherlands", 52.37, 4.90),
		r("arn", "Stockholm, Sweden", 59.65, 17.93),
		r("bom", "Mumbai, India", 19.08, 72.88),
		r("cdg", "Paris, France", 48.86, 2.35),
		r("dfw", "Dallas, Texas (US)", 32.78, -96.81),
		r("ewr", "Secaucus, NJ (US)", 40.79, -74.06),
		r("fra", "Frankfurt, Germany", 50.12, 8.68),
		r("gru", "Sao Paulo, Brazil", -23.55, -46.63),
		r("iad", "Ashburn, Virginia (US)", 39.04, -77.49),
		r("jnb", "Johannesburg, South Africa", -26.20, 28.05),
		r("lax", "Los Angeles, California (US)", 34.05, -118.24),
		r("lhr", "London, United Kingdom", 51.51, -0.13),
		r("nrt", "Tokyo, Japan", 35.62, 139.78),
		r("ord", "Chicago, Illinois (US)", 41.88, -87.63),
		r("sea", "Seattle, Washington (US)", 47.61, -122.33),
		r("sin", "Singapore, Singapore", 1.35, 103.82),
		r("sjc", "San Jose, California (US)", 37.35, -121.95),
		r("syd", "Sydney, Australia", -33.87, 151.21),
		r("yyz", "Toronto, Canada", 43.65, -79.38),
		r("mad", "Madrid, Spain", 40.42, -3.70),
		r("waw", "Warsaw, Poland", 52.23, 21.01),
	}
	for i := range rr {
		switch rr[i].Code {
		case "mad", "waw":
			rr[i].Deprecated, rr[i].GatewayAvailable = true, false
		}
	}
	slices.SortFunc(rr, func(a, b fly.Region) int { return cmp.Compare(a.Code, b.Code) })
	return rr
}

// RegionNamed is the region of a code, and whether there is one.
func RegionNamed(code string) (fly.Region, bool) {
	for _, r := range Regions() {
		if r.Code == code {
			return r, true
		}
	}
	return fly.Region{}, false
}

// Distance is that between two regions in kilometres along the surface, for who needs to know which is nearest.
func Distance(a, b fly.Region) float64 {
	const earth = 6371
	rad := func(d float64) float64 { return d * math.Pi / 180 }
	dLat, dLon := rad(b.Latitude-a.Latitude), rad(b.Longitude-a.Longitude)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(rad(a.Latitude))*math.Cos(rad(b.Latitude))*math.Pow(math.Sin(dLon/2), 2)
	return 2 * earth * math.Asin(math.Sqrt(h))
}

// geoRegion is the platform's name of the continent.
func geoRegion(r fly.Region) string {
	switch {
	case r.Longitude < -30 && r.Latitude > 12:
		return "north_america"
	case r.Longitude < -30:
		return "south_america"
	case r.Latitude < -10 && r.Longitude > 100:
		return "oceania"
	case r.Longitude < 60 && r.Latitude < 35:
		return "africa"
	case r.Longitude < 60:
		return "europe"
	}
	return "asia_pacific"
}
