/**
 * Asks the browser for a passkey and sends the answer with the form (Web Authentication Level 3).
 * The form carries the options as JSON; binary values travel as Base64url.
 */
const WORDS = {
  NotAllowedError: "パスキーの操作が取りやめられたか、時間がたちました。もう一度ボタンを押してください。",
  InvalidStateError: "このパスキーは、もう登録されています。別の端末やセキュリティキーをお使いください。",
  SecurityError: "このアドレスでは、パスキーを使えません。管理者に相談してください。",
};
const OTHER_WORDS = "パスキーを使えませんでした。もう一度ボタンを押してください。";
const NO_SUPPORT = "このブラウザーでは、パスキーを使えません。ほかのブラウザーや端末をお使いください。";

for (const form of document.querySelectorAll("form[data-passkey]")) wire(form);

function wire(form) {
  const status = form.querySelector("[data-passkey-status]");
  form.querySelector("[data-passkey-without-script]").hidden = true;
  if (!window.PublicKeyCredential) {
    status.textContent = NO_SUPPORT;
    return;
  }
  form.querySelector("[data-passkey-button]").hidden = false;
  // Before the listener that lets a form be sent only once: asking the browser is not sending.
  form.addEventListener("submit", (event) => ask(form, status, event), { capture: true });
  if (form.dataset.passkeyNow) form.requestSubmit();
}

async function ask(form, status, event) {
  if (form.elements.answer.value) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (form.dataset.asking) return;
  form.dataset.asking = "yes";
  status.textContent = "端末の画面の案内にしたがってください。";
  try {
    form.elements.answer.value = JSON.stringify(await answer(form));
    status.textContent = "確かめています。";
    form.requestSubmit();
  } catch (error) {
    status.textContent = WORDS[error.name] ?? OTHER_WORDS;
  } finally {
    delete form.dataset.asking;
  }
}

async function answer(form) {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "create") {
    return created(await navigator.credentials.create({ publicKey: forCreation(options) }));
  }
  return proved(await navigator.credentials.get({ publicKey: forProof(options) }));
}

function forCreation(options) {
  return {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(descriptor),
  };
}

function forProof(options) {
  return {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: (options.allowCredentials ?? []).map(descriptor),
  };
}

function descriptor(known) {
  return { ...known, id: bytes(known.id) };
}

function created(credential) {
  return {
    ...named(credential),
    response: {
      clientDataJSON: text(credential.response.clientDataJSON),
      attestationObject: text(credential.response.attestationObject),
      transports: credential.response.getTransports?.() ?? [],
    },
  };
}

function proved(credential) {
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return {
    ...named(credential),
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    },
  };
}

function named(credential) {
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type };
}

function bytes(base64url) {
  const plain = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
