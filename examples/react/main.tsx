/** Renders the component into the page. */

import { createRoot } from "react-dom/client";

import { Gates } from "./Gates";

const place = document.getElementById("gates");
// Not in the bundle, which everyone can read: a page that asks for the token keeps it for the session.
const token = sessionStorage.getItem("lightwell-token") ?? undefined;
if (place) createRoot(place).render(<Gates server={place.dataset.server ?? ""} token={token} initial="1011001110" />);
