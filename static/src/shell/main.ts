import { followCopies, offerCopies } from "./copying.ts";
import { followDialogs } from "./dialogs.ts";
import { nameFigures, showCurrentTabs, showCurrentTool } from "./narrow.ts";
import { followPalette } from "./palette.ts";
import { followRail, followTheme } from "./preferences.ts";
import { followToasts } from "./toasts.ts";

/** What every page shares. All of it listens on the document, so fragments need nothing. */
followTheme();
followRail();
followDialogs();
followToasts();
followPalette();
followCopies();
showCurrentTabs();
showCurrentTool();
nameFigures();
offerCopies();
document.addEventListener("htmx:load", nameFigures);
document.addEventListener("htmx:load", offerCopies);
