/** Renders the component into the page. */

import { createRoot } from "react-dom/client";

import { Gates } from "./Gates";

const place = document.getElementById("gates");
if (place) createRoot(place).render(<Gates server={place.dataset.server ?? ""} initial="1011001110" />);
