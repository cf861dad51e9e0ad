import { wireCopyButtons } from "./copy.js";
import { wireDraft } from "./draft.js";
import { wireErrorSummary } from "./error-summary.js";
import { wireForms } from "./forms.js";
import { wirePrintButtons } from "./print.js";

const WIRES = [wireErrorSummary, wireForms, wireDraft, wireCopyButtons, wirePrintButtons];
for (const wire of WIRES) {
  wire(document);
}
