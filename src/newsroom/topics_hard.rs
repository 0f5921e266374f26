//! Hard news: politics, crime, business, disasters, wars; the slots are explained in `scenes.rs`.

use super::scenes::{Topic, kind};

pub(super) const HARD: [Topic; 5] = [
    Topic {
        name: "politics_elections",
        roles: ["party chairman", "opposition leader", "foreign minister", "senator", "mayor", "finance minister"],
        kinds: [
            kind(
                ["Reform Party", "Party Congress", "Congress Centre"],
                [
                    "{p} addresses supporters of the {o} at the {v}",
                    "The {n} {r} {p} speaks at a rally in {c}",
                    "{p's} speech to the {e} drew applause from delegates of the {o}",
                ],
                [
                    "Delegates wave flags at the {e}",
                    "Supporters of the {o} wait for the results in {c}",
                    "The stage is prepared for the party conference of the {o} at the {v}",
                ],
            ),
            kind(
                ["Policy Institute", "Leaders Summit", "Parliament House"],
                [
                    "{p} shakes hands with {q} before their talks in {c}",
                    "The {n} {r} {p} is welcomed by {q} at the {v}",
                    "{p} left and {q} arrive for the {e}",
                ],
                [
                    "{n} and other flags outside the venue of the {e}",
                    "Negotiators meet behind closed doors at the {v}",
                    "The {n} delegation arrives for the talks in {c}",
                ],
            ),
            kind(
                ["Alliance", "Leaders Summit", "Parliament House"],
                [
                    "Protesters in {c} call on {p} to resign",
                    "A demonstrator holds up a portrait of {p} outside the {v}",
                    "{p} joins {k} marchers of the {o} in {c}",
                ],
                [
                    "Thousands of {n} protesters fill the square in front of the {v}",
                    "Riot police face demonstrators in {c}",
                    "A demonstrator waves a {n} flag during a march organised by the {o}",
                ],
            ),
            kind(
                ["Democratic Union", "Party Congress", "City Hall"],
                [
                    "{p} casts a ballot at a polling station in {c}",
                    "The {r} {p} of the {o} leaves a polling station in {c}",
                    "{p} votes with family members in {l}",
                ],
                [
                    "Voters queue outside a polling station in {c}",
                    "Election workers count ballots at the {v} in {l}",
                    "A ballot box is carried to a count in {c} watched by observers of the {o}",
                ],
            ),
            kind(
                ["Reform Party", "Security Conference", "Parliament House"],
                [
                    "{p} takes questions from reporters at the {v}",
                    "The {r} {p} announces the resignation in {c}",
                    "{p} answers questions about the future of {l}",
                ],
                [
                    "Reporters wait for a statement outside the {v} in {c}",
                    "An empty lectern before the announcement by the {o} in {c}",
                    "Microphones are set up ahead of a news conference of the {n} government in {c}",
                ],
            ),
        ],
    },
    Topic {
        name: "law_crime",
        roles: ["prosecutor", "judge", "defence lawyer", "former banker", "police chief", "campaigner"],
        kinds: [
            kind(
                ["Legal Trust", "Fraud Trial", "Crown Court"],
                [
                    "{p} arrives at the {v} for sentencing",
                    "The {n} {r} {p} leaves court in {c} after the verdict",
                    "{p's} lawyer {q} speaks outside the {v}",
                ],
                [
                    "Photographers wait outside the {v} in {l}",
                    "The dock of the {v} where the {e} is heard",
                    "A court artist's sketch of the jury at the {v} in {c}",
                ],
            ),
            kind(
                ["Police Federation", "Bribery Inquiry", "Central Police Station"],
                [
                    "The {r} {p} at the scene of the shooting in {c}",
                    "{p} was last seen near the {v} police say",
                    "Officers outside the house of {p} in {c}",
                ],
                [
                    "Police have cordoned off a street near the {v} in {c}",
                    "Forensic officers search a car park in {c} {l}",
                    "A police cordon in {c} after {k} people were hurt",
                ],
            ),
            kind(
                ["Prison Service", "Extradition Hearing", "Prison"],
                [
                    "{p} spent {k} years in the {v}",
                    "The {r} {p} visits inmates of the {v} in {l}",
                    "{p} was released from prison in {c}",
                ],
                [
                    "The {v} holds {k} inmates according to the {o}",
                    "A guard of the {o} walks along a corridor of the {v}",
                    "Razor wire on the walls of a {n} jail run by the {o}",
                ],
            ),
            kind(
                ["Justice Network", "Bribery Inquiry", "Town Hall"],
                [
                    "{p} lights a candle at a vigil in {c}",
                    "Flowers left for {p} outside the {v}",
                    "{p} and {q} comfort each other at a memorial service in {c}",
                ],
                [
                    "Candles and flowers at a vigil in {c} for {k} victims",
                    "Mourners gather outside the {v} in {l}",
                    "Hundreds attended a memorial service of the {o} in {c}",
                ],
            ),
            kind(
                ["Legal Trust", "Fraud Trial", "Central Police Station"],
                [
                    "{p} is led away by {n} police in {c}",
                    "Police seized documents at {p's} office in {c}",
                    "The arrest of {p} was announced by the {q} in {c}",
                ],
                [
                    "{n} police display drugs worth {m} seized in {c}",
                    "Officers carry boxes out of the headquarters of the {o} in {c}",
                    "Customs officers found {m} in cash in a lorry near {c}",
                ],
            ),
        ],
    },
    Topic {
        name: "business_economy",
        roles: ["chief executive", "chairman", "economist", "investor", "union leader", "central banker"],
        kinds: [
            kind(
                ["Bank", "Economic Forum", "Stock Exchange"],
                [
                    "{p} rings the opening bell at the {v}",
                    "Traders watch {p's} speech at the {v}",
                    "The {r} {p} of {o} expects losses of {m}",
                ],
                [
                    "Traders at the {v} after shares in {o} fell",
                    "A screen at the {v} shows the {n} currency at a record low",
                    "A trader reacts at the {v} as {m} is wiped off {n} shares",
                ],
            ),
            kind(
                ["Motors", "Motor Show", "Car Works"],
                [
                    "{p} tours the assembly line of {o} in {c}",
                    "{p} meets workers at the {o} plant in {c}",
                    "{o} {r} {p} announces {k} job cuts in {c}",
                ],
                [
                    "Workers on the assembly line of {o} in {c}",
                    "The {o} plant in {c} is to close with the loss of {k} jobs",
                    "A robot welds a car at the {o} site near {c} {l}",
                ],
            ),
            kind(
                ["Stores", "Trade Fair", "Shopping Centre"],
                [
                    "{p} opens a store of {o} in {c}",
                    "{p's} chain {o} employs {k} people in {l}",
                    "Shop owner {p} in front of the {v}",
                ],
                [
                    "Shoppers pass a closed store of {o} in {c}",
                    "Sale signs in the windows of the {v} in {l}",
                    "Shoppers at the {v} ahead of the holidays in {y}",
                ],
            ),
            kind(
                ["Investment Group", "Economic Forum", "Congress Centre"],
                [
                    "{p} presents annual results of {o} in {c}",
                    "{p} and {q} announce the merger worth {m} in {c}",
                    "Shareholders criticised {p's} pay at the annual meeting of {o}",
                ],
                [
                    "The headquarters of {o} in {c}",
                    "Shareholders arrive for the annual meeting of {o} in {c}",
                    "The logo of {o} at the {e}",
                ],
            ),
            kind(
                ["Shipping Lines", "Trade Fair", "Container Port"],
                [
                    "{p} inspects the first cargo at the {v}",
                    "The {r} {p} speaks to dockers on strike in {c}",
                    "{p} wants to invest {m} in the {v}",
                ],
                [
                    "Containers are stacked at the {v}",
                    "A ship of {o} is unloaded at the {v}",
                    "Lorries queue at the {v} during a strike in {l}",
                ],
            ),
        ],
    },
    Topic {
        name: "disaster_accident",
        roles: ["fire chief", "survivor", "rescue worker", "governor", "coastguard officer", "engineer"],
        kinds: [
            kind(
                ["Relief Fund", "Flood Inquiry", "Railway Station"],
                [
                    "{p} wades through a flooded street in {c}",
                    "The {r} {p} visits flood victims in {c} {l}",
                    "{p's} house in {c} was flooded {k} times in a year",
                ],
                [
                    "Residents are rescued by boat in {c} {l}",
                    "Flood water surrounds the {v}",
                    "Cars are submerged in {c} after {k} days of rain",
                ],
            ),
            kind(
                ["Fire Brigade", "Memorial Day", "Airport"],
                [
                    "{p} watches the fire near {c} from a ridge",
                    "The {r} {p} of the {o} briefs crews near {c}",
                    "{p} lost a farm in the fire near {c} {l}",
                ],
                [
                    "A helicopter of the {o} drops water on a fire near {c}",
                    "Smoke from forest fires hangs over {c} {l}",
                    "Firefighters of the {o} battle a blaze at the {v}",
                ],
            ),
            kind(
                ["Relief Fund", "Donor Conference", "Cathedral"],
                [
                    "{p} searches the rubble of a school in {c}",
                    "{p} was pulled alive from the ruins in {c} after {k} hours",
                    "The {n} {r} {p} hugs {q} after the earthquake",
                ],
                [
                    "Rescuers search collapsed buildings in {c} {l}",
                    "Tents of the {o} for people made homeless by the earthquake near {c}",
                    "A church damaged by the earthquake in {c} where {k} people died",
                ],
            ),
            kind(
                ["Rail Company", "Rail Inquiry", "Railway Station"],
                [
                    "The {r} {p} at the site of the crash near {c}",
                    "{p} of the {o} speaks at the {v} after the derailment",
                    "{p} survived the crash at the {v}",
                ],
                [
                    "Carriages of the {o} lie beside the track near {c}",
                    "Investigators inspect the wreckage near the {v} in {l}",
                    "A crane lifts a train of the {o} at the {v}",
                ],
            ),
            kind(
                ["Meteorological Service", "Donor Conference", "Harbour"],
                [
                    "{p} boards up a window in {c} before the storm",
                    "{p} of the {o} tracks the storm off {l}",
                    "The {r} {p} urges people to leave {c} in {l}",
                ],
                [
                    "Waves break over the {v} during the storm",
                    "Fallen trees block a road in {c} {l}",
                    "Palm trees bend in the wind as the storm nears {c} {l}",
                ],
            ),
        ],
    },
    Topic {
        name: "conflict_attack",
        roles: ["general", "rebel commander", "refugee", "army spokesman", "aid worker", "peace envoy"],
        kinds: [
            kind(
                ["Defence Ministry", "Peace Talks", "Border Crossing"],
                [
                    "{p} at a checkpoint of the {o} near {c}",
                    "The {n} {r} {p} inspects troops at the {v}",
                    "Soldiers loyal to {p} guard the {v}",
                ],
                [
                    "A soldier stands guard at the {v} in {l}",
                    "A tank of the {o} on a road near {c}",
                    "{n} soldiers at a checkpoint outside {c}",
                ],
            ),
            kind(
                ["Aid Mission", "Refugee Conference", "Border Crossing"],
                [
                    "{p} has lived in a camp near {c} since {y}",
                    "The {r} {p} hands out food for the {o} near {c}",
                    "{p} and {q} fled from {l} to {c}",
                ],
                [
                    "Refugees from {l} wait at the {v}",
                    "A camp of the {o} near {c} where {k} families live",
                    "Children play between the tents of a camp near {c} {l}",
                ],
            ),
            kind(
                ["Liberation Front", "Peace Talks", "Barracks"],
                [
                    "{p} was wounded in the attack on the {v}",
                    "{p} visits the site of the bombing in {c} {l}",
                    "The {r} {p} blamed the {o} for the attack in {c}",
                ],
                [
                    "Smoke rises over {c} after an air strike by the {o}",
                    "The wreck of a car used in the attack on the {v} that killed {k}",
                    "Residents inspect damage after shelling in {c} {l}",
                ],
            ),
            kind(
                ["Defence Ministry", "Remembrance Parade", "War Memorial"],
                [
                    "{p} salutes during the {e}",
                    "{p} and {q} lay a wreath in {c} in memory of {k} soldiers",
                    "The {r} {p} meets veterans at the {v}",
                ],
                [
                    "{n} troops march at the {e}",
                    "A military band of the {o} plays in {c}",
                    "Poppies and wreaths at the memorial in {c} {l}",
                ],
            ),
            kind(
                ["Liberation Front", "Peace Talks", "Military Airport"],
                [
                    "{p} arrives for the {e}",
                    "{p} and {q} sign a ceasefire in {c} {l}",
                    "The {n} {r} {p} rejects demands of the {o}",
                ],
                [
                    "Negotiators of the {o} at the {e}",
                    "A convoy of the {o} enters {c} under a ceasefire",
                    "The table at which the {n} delegation will sit at the {e}",
                ],
            ),
        ],
    },
];
