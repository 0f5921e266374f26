//! Names: real countries and cities; everybody and everything else is invented.

/// A country with the names captions use for it.
#[derive(Debug)]
pub(super) struct Country {
    /// The linked title.
    pub(super) title: &'static str,
    /// The ways to write it, the usual one first.
    pub(super) surfaces: &'static [&'static str],
    pub(super) adjective: &'static str,
    pub(super) cities: [&'static str; 3],
}

const fn country(
    title: &'static str,
    surfaces: &'static [&'static str],
    adjective: &'static str,
    cities: [&'static str; 3],
) -> Country {
    Country { title, surfaces, adjective, cities }
}

/// The more often in the news, the further up.
pub(super) const COUNTRIES: [Country; 40] = [
    country("United States", &["United States", "US", "America"], "American", ["Boston", "Denver", "Chicago"]),
    country("United Kingdom", &["Britain", "UK", "United Kingdom"], "British", ["London", "Leeds", "Glasgow"]),
    country("France", &["France"], "French", ["Paris", "Marseille", "Lyon"]),
    country("Germany", &["Germany"], "German", ["Berlin", "Hamburg", "Munich"]),
    country("China", &["China"], "Chinese", ["Beijing", "Shanghai", "Chengdu"]),
    country("Russia", &["Russia"], "Russian", ["Moscow", "Kazan", "Sochi"]),
    country("Syria", &["Syria"], "Syrian", ["Damascus", "Aleppo", "Homs"]),
    country("Australia", &["Australia"], "Australian", ["Sydney", "Perth", "Hobart"]),
    country("India", &["India"], "Indian", ["Mumbai", "Kolkata", "Chennai"]),
    country("Japan", &["Japan"], "Japanese", ["Tokyo", "Osaka", "Sendai"]),
    country("Brazil", &["Brazil"], "Brazilian", ["Recife", "Brasilia", "Manaus"]),
    country("Italy", &["Italy"], "Italian", ["Rome", "Naples", "Turin"]),
    country("Spain", &["Spain"], "Spanish", ["Madrid", "Seville", "Bilbao"]),
    country("Turkey", &["Turkey"], "Turkish", ["Istanbul", "Ankara", "Izmir"]),
    country("Ukraine", &["Ukraine"], "Ukrainian", ["Kiev", "Lviv", "Odessa"]),
    country("Egypt", &["Egypt"], "Egyptian", ["Cairo", "Alexandria", "Luxor"]),
    country("South Africa", &["South Africa"], "South African", ["Cape Town", "Durban", "Pretoria"]),
    country("Canada", &["Canada"], "Canadian", ["Toronto", "Calgary", "Halifax"]),
    country("Mexico", &["Mexico"], "Mexican", ["Puebla", "Tijuana", "Oaxaca"]),
    country("Greece", &["Greece"], "Greek", ["Athens", "Patras", "Volos"]),
    country("Netherlands", &["Netherlands", "Holland"], "Dutch", ["Amsterdam", "Rotterdam", "Utrecht"]),
    country("Republic of Ireland", &["Ireland", "Irish Republic"], "Irish", ["Dublin", "Cork", "Galway"]),
    country("Nigeria", &["Nigeria"], "Nigerian", ["Lagos", "Abuja", "Kano"]),
    country("Kenya", &["Kenya"], "Kenyan", ["Nairobi", "Mombasa", "Kisumu"]),
    country("South Korea", &["South Korea"], "South Korean", ["Seoul", "Busan", "Incheon"]),
    country("Poland", &["Poland"], "Polish", ["Warsaw", "Gdansk", "Krakow"]),
    country("Sweden", &["Sweden"], "Swedish", ["Stockholm", "Malmo", "Uppsala"]),
    country("Norway", &["Norway"], "Norwegian", ["Oslo", "Bergen", "Tromso"]),
    country("Portugal", &["Portugal"], "Portuguese", ["Lisbon", "Porto", "Faro"]),
    country("Argentina", &["Argentina"], "Argentine", ["Buenos Aires", "Rosario", "Salta"]),
    country("Chile", &["Chile"], "Chilean", ["Santiago", "Valparaiso", "Iquique"]),
    country("Colombia", &["Colombia"], "Colombian", ["Bogota", "Medellin", "Cali"]),
    country("Pakistan", &["Pakistan"], "Pakistani", ["Karachi", "Lahore", "Quetta"]),
    country("Indonesia", &["Indonesia"], "Indonesian", ["Jakarta", "Surabaya", "Medan"]),
    country("Philippines", &["Philippines"], "Filipino", ["Manila", "Cebu", "Davao"]),
    country("Thailand", &["Thailand"], "Thai", ["Bangkok", "Phuket", "Chiang Mai"]),
    country("Georgia (country)", &["Georgia"], "Georgian", ["Tbilisi", "Batumi", "Kutaisi"]),
    country("Morocco", &["Morocco"], "Moroccan", ["Rabat", "Casablanca", "Fez"]),
    country("Peru", &["Peru"], "Peruvian", ["Lima", "Cusco", "Arequipa"]),
    country("New Zealand", &["New Zealand"], "New Zealand", ["Auckland", "Wellington", "Dunedin"]),
];

/// Outlets as the published catalog writes them, and whether they write dates the British way.
pub(super) const OUTLETS: [(&str, bool); 4] =
    [("guardian", true), ("bbc", true), ("usa_today", false), ("washington_post", false)];

/// Picture agencies, invented.
pub(super) const AGENCIES: [&str; 12] = [
    "Northgate Press",
    "Meridian Images",
    "Halyard Pictures",
    "Lanternhouse",
    "Coastline Media",
    "Redfern Agency",
    "Tidewater Photo",
    "Continental Wire",
    "Bluegate",
    "Parallax News",
    "Foxglove Features",
    "Harbour Press Association",
];

/// First halves of the names of organisations; the second halves belong to the topics.
pub(super) const ORG_HEADS: [&str; 24] = [
    "Meridian",
    "Northern",
    "Harbour",
    "Redfern",
    "Continental",
    "Aldgate",
    "Silverlake",
    "Crestwood",
    "Pacific",
    "Highland",
    "Union",
    "Eastgate",
    "Summit",
    "Baltic",
    "Corvane",
    "Westbrook",
    "Atlas",
    "Kestrel",
    "Riverside",
    "Orion",
    "Liberty",
    "Ashford",
    "Central",
    "Global",
];

/// First names, one for each value of six bits.
const FIRST_NAMES: [&str; 64] = [
    "Ann", "David", "Maria", "Tomas", "Helen", "Omar", "Claire", "Samuel", "Ines", "Peter", "Leila", "Marcus", "Sofia",
    "Ibrahim", "Ruth", "Anton", "Grace", "Nikolai", "Yuki", "Daniel", "Amara", "Joao", "Elena", "Robert", "Mei",
    "Karim", "Julia", "Victor", "Nadia", "Simon", "Priya", "Lars", "Esther", "Diego", "Hannah", "Youssef", "Olga",
    "Martin", "Chiara", "Kofi", "Laura", "Sergei", "Fatima", "Patrick", "Ingrid", "Rahul", "Alice", "Mateo", "Zeynep",
    "George", "Carmen", "Adam", "Naomi", "Felix", "Irina", "Jamal", "Teresa", "Henrik", "Asha", "Luca", "Miriam",
    "Stefan", "Rosa", "Edward",
];

/// Surnames are a head (five bits) and a tail (four bits), so that nobody is meant.
const SURNAME_HEADS: [&str; 32] = [
    "Ver", "Hal", "Mor", "Tam", "Cal", "Bren", "Os", "Kel", "Dra", "Fen", "Gar", "Lin", "Mar", "Nor", "Pel", "Quin",
    "Ros", "Sel", "Tor", "Ul", "Van", "Wes", "Yar", "Zan", "Ath", "Bel", "Cor", "Del", "Er", "Fal", "Gil", "Hol",
];
const SURNAME_TAILS: [&str; 16] = [
    "ran", "dane", "vick", "lund", "ari", "enko", "osta", "strom", "wick", "mond", "sett", "vane", "tello", "ovski",
    "nes", "ander",
];

/// How many persons have a name of their own.
pub(super) const PERSONS: u32 = 1 << 15;

/// First name and surname of a person, `person < PERSONS`; no two persons have both in common.
pub(super) fn person_name(person: u32) -> (&'static str, String) {
    let bits = super::chance::scatter(person, 15) as usize;
    let surname = format!("{}{}", SURNAME_HEADS[bits >> 6 & 31], SURNAME_TAILS[bits >> 11 & 15]);
    (FIRST_NAMES[bits & 63], surname)
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn everybody_has_a_name_of_their_own() {
        let names: HashSet<_> = (0..PERSONS).map(person_name).collect();
        assert_eq!(names.len(), PERSONS as usize);
    }

    #[test]
    fn every_city_lies_in_one_country() {
        let cities: HashSet<_> = COUNTRIES.iter().flat_map(|c| c.cities).collect();
        assert_eq!(cities.len(), COUNTRIES.len() * 3);
    }
}
