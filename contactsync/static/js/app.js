// Every page loads this; each module finds its own elements and leaves the rest alone.
import "./toasts.js";
import "./dialogs.js";
import "./copy.js";
import "./jump.js";
import "./keys.js";
import "./unsaved.js";
