/**
 * Takes the browser to the card bridge on this computer and reads what it brings back.
 *
 * Everything is a navigation of the whole page: browsers block or ask about fetches to 127.0.0.1.
 * A page cannot see that nobody listens there; it sees that the visitor came back without an answer.
 *
 * Part of zaitaku, Apache-2.0. See docs/wire-format.md.
 */

/** Where a bridge listens, in the order in which it tries. */
export const PORTS = [18231, 18232, 18233];

/** Starts the bridge where it is installed; never carries a request. */
export const START = "zaitaku-bridge:start";

const NOTE = "zaitaku-card-asked";
const CODE = /^[A-Za-z0-9_-]{16,200}$/;

/**
 * Says what the address says with which the browser came back:
 * {kind: "code", code}, {kind: "cancelled"}, or {kind: "none"}.
 */
export function readReturn(address) {
  const query = new URL(address).searchParams;
  const codes = query.getAll("code");
  if (query.has("cancelled")) {
    return { kind: "cancelled" };
  }
  return codes.length === 1 && CODE.test(codes[0])
    ? { kind: "code", code: codes[0] }
    : { kind: "none" };
}

export class CardBridge {
  #ports;
  #storage;

  /** ports: as PORTS; storage: remembers over a navigation which port was asked. */
  constructor({ ports = PORTS, storage = sessionStorage } = {}) {
    this.#ports = ports;
    this.#storage = storage;
  }

  /** The address for a link; call watch with the link, too. */
  address(token, port = this.#ports[0]) {
    return `http://127.0.0.1:${port}/read?request=${token}`;
  }

  /** Goes to the bridge with a signed request. */
  go(token, port = this.#ports[0]) {
    this.#note(port);
    location.assign(this.address(token, port));
  }

  /** Remembers that a form (whose answer leads to the bridge) or a link goes to this port. */
  watch(element, port = this.#ports[0]) {
    const event = element.tagName === "FORM" ? "submit" : "click";
    element.addEventListener(event, () => this.#note(port));
  }

  /** The port that was asked and did not answer, and the next to offer; null if none is open. */
  unanswered() {
    const place = this.#ports.indexOf(Number(this.#storage.getItem(NOTE)));
    return place < 0 || readReturn(location.href).kind !== "none"
      ? null
      : { port: this.#ports[place], next: this.#ports[(place + 1) % this.#ports.length] };
  }

  /** Calls tell({port, next}) when this page is shown with an ask unanswered, after Back, too. */
  whenUnanswered(tell) {
    const look = () => {
      const open = this.unanswered();
      if (open) {
        tell(open);
      }
    };
    addEventListener("pageshow", (event) => event.persisted && look());
    look();
  }

  /** Reads the return and forgets that anything was asked. */
  returned(address = location.href) {
    const answer = readReturn(address);
    if (answer.kind !== "none") {
      this.#storage.removeItem(NOTE);
    }
    return answer;
  }

  /** Starts the bridge; only from a click, browsers ask the visitor. */
  start() {
    location.assign(START);
  }

  #note(port) {
    this.#storage.setItem(NOTE, String(port));
  }
}
