import { wireCopyButtons } from "./copy.js";
import { wireErrorSummary } from "./error-summary.js";
import { wireForms } from "./forms.js";
import { wirePrintButtons } from "./print.js";

for (const wire of [wireErrorSummary, wireForms, wireCopyButtons, wirePrintButtons]) {
  wire(document);
}
