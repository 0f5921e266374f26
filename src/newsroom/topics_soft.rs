//! The rest of the paper: sport, arts, nature, health, science; the slots are explained in `scenes.rs`.

use super::scenes::{Topic, kind};

pub(super) const SOFT: [Topic; 5] = [
    Topic {
        name: "sport",
        roles: ["striker", "head coach", "goalkeeper", "sprinter", "captain", "tennis player"],
        kinds: [
            kind(
                ["Rovers", "Football Cup", "Stadium"],
                [
                    "{p} scores the winner against {o} at the {v}",
                    "{o} {r} {p} is challenged by {q} in {c}",
                    "{p} celebrates a goal with team-mates of {o} after {k} games without a win",
                ],
                [
                    "{o} fans cheer their team at the {v}",
                    "The pitch of the {v} before the kick-off of {l} against {o}",
                    "{o} supporters light flares during the derby in {c}",
                ],
            ),
            kind(
                ["Tennis Club", "Open", "Arena"],
                [
                    "{p} serves during the final of the {e}",
                    "{p} returns the ball to {q} on the second day of the {e}",
                    "{p} of {l} reacts after losing the match to {q} in {c}",
                ],
                [
                    "The centre court of the {e} under covers",
                    "Rain stopped play at the {e} on {w}",
                    "Spectators shelter from the sun at the {e} in {l}",
                ],
            ),
            kind(
                ["Olympic Committee", "Athletics Championships", "Stadium"],
                [
                    "{p} wins the 400 metres at the {e}",
                    "The {n} {r} {p} crosses the line ahead of {q} in {c}",
                    "{p} carries the {n} flag after the race at the {v}",
                ],
                [
                    "Runners set off at the start of the {e}",
                    "The track of the {v} is laid for the games in {l}",
                    "Athletes warm up at the {v} ahead of the {e}",
                ],
            ),
            kind(
                ["Racing", "Cycling Classic", "Velodrome"],
                [
                    "{p} leads the peloton through {c}",
                    "{p} rides past {q} at the {v}",
                    "The {n} rider {p} talks to the press in {c} about a doping test",
                ],
                [
                    "The peloton passes a village near {c} in {l}",
                    "As many as {k} riders crash at the {v} on {w}",
                    "Cycling fans line the road to {c} waiting for the {n} team",
                ],
            ),
            kind(
                ["Athletic", "World Championships", "Stadium"],
                [
                    "{p} lifts the trophy after {o} beat {l} at the {v}",
                    "{p} and {q} pose with their medals at the {e}",
                    "Captain {p} shows the cup to {o} fans in {c}",
                ],
                [
                    "{o} parade the cup through {c} on an open-top bus",
                    "Fireworks over the {v} at the closing ceremony in {l}",
                    "The trophy of the {e} on display in {c}",
                ],
            ),
        ],
    },
    Topic {
        name: "arts_culture",
        roles: ["actor", "director", "novelist", "singer", "conductor", "sculptor"],
        kinds: [
            kind(
                ["Pictures", "Film Festival", "Film Palace"],
                [
                    "{p} on the red carpet of the {e}",
                    "{p} and {q} arrive for the premiere in {c}",
                    "The {n} {r} {p} greets fans at the {e}",
                ],
                [
                    "Photographers line the red carpet of the {e}",
                    "Fans wait for the stars of {o} outside the premiere in {c}",
                    "A poster of the {e} on a tram in {l}",
                ],
            ),
            kind(
                ["Symphony Orchestra", "Music Festival", "Concert Hall"],
                [
                    "{p} performs on stage at the {v}",
                    "{p's} tour ended with a concert in {c} {l}",
                    "{p} sings with {q} and the {o}",
                ],
                [
                    "The {o} plays at the {v}",
                    "Festival goers dance in the mud near {c} {l}",
                    "The crowd at an open-air concert of the {o} in {c}",
                ],
            ),
            kind(
                ["Arts Council", "Biennale", "National Museum"],
                [
                    "A visitor looks at a portrait of {p} in the {v}",
                    "{p} with a new work at the {e}",
                    "The {r} {p} installs a sculpture at the {v}",
                ],
                [
                    "Visitors walk through the new wing of the {v}",
                    "An installation at the {e} sponsored by the {o}",
                    "Restorers of the {o} clean a fresco at the {v}",
                ],
            ),
            kind(
                ["Ballet", "Theatre Festival", "Opera House"],
                [
                    "{p} in rehearsal with the {o} at the {v}",
                    "{p} plays the lead opposite {q} in a production of the {o}",
                    "Reviews praised {p's} staging at the {v}",
                ],
                [
                    "Dancers of the {o} rehearse at the {v}",
                    "The empty stage of the {v} after the {n} company left",
                    "A scene from the new production of the {o} in {c}",
                ],
            ),
            kind(
                ["Publishing House", "Book Fair", "City Library"],
                [
                    "{p} signs copies of the memoir at the {e}",
                    "The {n} {r} {p} at home in {c}",
                    "{p} reads from a new novel in {c} with {q}",
                ],
                [
                    "Readers browse the stalls of the {e}",
                    "A bookshop in {c} that sells {n} first editions",
                    "The reading room of the {v} reopened in {y}",
                ],
            ),
        ],
    },
    Topic {
        name: "environment",
        roles: ["ecologist", "climate scientist", "fisherman", "environment minister", "activist", "park ranger"],
        kinds: [
            kind(
                ["Wind Power", "Energy Summit", "Power Station"],
                [
                    "{p} in front of a wind farm of {o} off {c}",
                    "The {r} {p} opens a solar plant near {c} {l}",
                    "{p} of {o} says {l} needs {k} more turbines",
                ],
                [
                    "Turbines of {o} off the coast of {l}",
                    "Solar panels of {o} in a field near {c}",
                    "A coal power station near {c} which {l} wants to close",
                ],
            ),
            kind(
                ["Climate Fund", "Climate Summit", "Polar Station"],
                [
                    "{p} measures the thickness of the ice north of {l}",
                    "The {r} {p} has studied glaciers in {l} since {y}",
                    "{p} and {q} drill an ice core for the {o}",
                ],
                [
                    "The glacier has lost {k} metres since {y} according to the {o}",
                    "Meltwater from a glacier in {l} seen by the {o}",
                    "Sea ice off {l} reached a record low in {y}",
                ],
            ),
            kind(
                ["Wildlife Trust", "Ocean Conference", "Zoo"],
                [
                    "{p} releases a bird of prey at the {v}",
                    "{p} counts seals for the {o} near {c}",
                    "The {r} {p} with a young elephant in the {v}",
                ],
                [
                    "A polar bear at the {v}",
                    "As many as {k} dolphins were stranded near {c} says the {o}",
                    "A fox in a garden in {c} pictured by the {o}",
                ],
            ),
            kind(
                ["Climate Fund", "Climate Summit", "Botanical Garden"],
                [
                    "{p} plants a tree in {c} for the {e}",
                    "{p} speaks to young people at the {e}",
                    "{p} and {q} sign the agreement at the {e}",
                ],
                [
                    "Children plant trees in {c} for the {e}",
                    "Activists dressed as animals outside the {e}",
                    "A giant globe outside the venue of the {e} in {l}",
                ],
            ),
            kind(
                ["Chemicals", "Ocean Conference", "National Park"],
                [
                    "{p} takes a water sample from the river in {c}",
                    "The {r} {p} shows dead fish to inspectors of the {o} in {c}",
                    "{p} says the {o} polluted the beach near {c}",
                ],
                [
                    "Plastic waste on a beach near {c} {l}",
                    "Smog over {c} where the {n} government closed {k} factories",
                    "Dead fish in the river near a plant of the {o} in {c}",
                ],
            ),
        ],
    },
    Topic {
        name: "health_medicine",
        roles: ["surgeon", "nurse", "health minister", "patient", "epidemiologist", "pharmacist"],
        kinds: [
            kind(
                ["Health Trust", "Medical Congress", "University Hospital"],
                [
                    "{p} talks to a patient on a ward of the {v}",
                    "The {n} {r} {p} at the bedside of {q} in {c}",
                    "{p} recovers at the {v} after the operation",
                ],
                [
                    "A ward of the {v} run by the {o}",
                    "Beds in a corridor of the {v} in {l}",
                    "Nurses on a ward in {c} where {k} posts are vacant says the {o}",
                ],
            ),
            kind(
                ["Pharma", "Health Assembly", "General Hospital"],
                [
                    "{p} receives a vaccination in {c} {l}",
                    "The {r} {p} prepares a vaccine of {o} in {c}",
                    "{p} of the {o} with vaccines worth {m}",
                ],
                [
                    "Children wait for a vaccination in {c} {l}",
                    "Doses of the {o} vaccine arrive in {l}",
                    "A vaccination tent of the {o} near {c}",
                ],
            ),
            kind(
                ["Medical Research Institute", "Medical Congress", "Medical School"],
                [
                    "{p} looks through a microscope at the {o}",
                    "The {r} {p} in a laboratory of the {v}",
                    "{p} and {q} found the gene at the {o} in {c}",
                ],
                [
                    "Samples are stored in a laboratory of the {o} in {c}",
                    "A laboratory of the {v} opened in {y}",
                    "Blood samples tested by the {o} in {l}",
                ],
            ),
            kind(
                ["Ambulance Service", "Health Assembly", "General Hospital"],
                [
                    "{p} is taken to hospital in {c} by paramedics of the {o}",
                    "Paramedic {p} beside an ambulance in {c}",
                    "{p} waited {k} hours for an ambulance in {c}",
                ],
                [
                    "Ambulances queue outside the {v} in {l}",
                    "An ambulance of the {o} in {c}",
                    "An air ambulance lands at the {v} in {l}",
                ],
            ),
            kind(
                ["Aid Mission", "Health Assembly", "Field Hospital"],
                [
                    "{p} speaks at the {e} about the outbreak in {l}",
                    "The {r} {p} of the {o} explains the new rules in {c}",
                    "{p} runs a clinic near {c} {l}",
                ],
                [
                    "Health workers in protective suits near {c} {l}",
                    "A mother and child at a clinic of the {o} in {c}",
                    "Mosquito nets are handed out near {c} by the {o}",
                ],
            ),
        ],
    },
    Topic {
        name: "science_technology",
        roles: ["astronaut", "physicist", "engineer", "founder", "designer", "astronomer"],
        kinds: [
            kind(
                ["Space Agency", "Air Show", "Spaceport"],
                [
                    "{p} waves before boarding the rocket at the {v}",
                    "The {n} {r} {p} returns to earth near {c}",
                    "{p} and {q} train for a flight of the {o} in {c}",
                ],
                [
                    "A rocket of the {o} lifts off from the {v}",
                    "The capsule of the {o} on display in {c}",
                    "A satellite built in {l} for the {o}",
                ],
            ),
            kind(
                ["Robotics", "Technology Show", "Science Museum"],
                [
                    "{p} shakes hands with a robot at the {e}",
                    "The {r} {p} with a robot built by {o} in {c}",
                    "{p's} company {o} builds robots in {l}",
                ],
                [
                    "A robot serves coffee at the {e}",
                    "A driverless car of {o} is tested in {c}",
                    "A drone of {o} flies over the {e}",
                ],
            ),
            kind(
                ["Software", "Technology Show", "Data Centre"],
                [
                    "{p} of {o} in a data centre near {c}",
                    "{p} told the {e} that {o} had lost {m}",
                    "The {r} {p} says {n} users are at risk",
                ],
                [
                    "Servers in a data centre of {o} near {c}",
                    "An engineer checks cables of {o} in {l}",
                    "The data centre of {o} in {c} uses as much power as {k} homes",
                ],
            ),
            kind(
                ["Astronomical Society", "Science Festival", "Observatory"],
                [
                    "{p} looks through the telescope of the {v}",
                    "The {n} {r} {p} discovered the planet at the {v}",
                    "{p} and {q} watch the eclipse in {c}",
                ],
                ["The dome of the {v} in {l}", "The eclipse seen from {c} {l}", "A meteor shower above the {v} in {y}"],
            ),
            kind(
                ["Telecom", "Games Expo", "Exhibition Centre"],
                [
                    "{p} unveils the new phone of {o} in {c}",
                    "{p} shows a virtual reality headset at the {e}",
                    "{o} {r} {p} plays a game with {q} at the {e}",
                ],
                [
                    "Customers queue for the new phone of {o} in {c}",
                    "Visitors try virtual reality headsets at the {e}",
                    "The stand of {o} at the {e}",
                ],
            ),
        ],
    },
];
