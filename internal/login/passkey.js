// A form with passkey options asks the authenticator when it is sent, and sends what
// that answers in the hidden field. Without passkeys in the browser it stays hidden.
const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!window.PublicKeyCredential) continue
  form.hidden = false
  const fault = form.querySelector('[data-fault]')
  form.addEventListener('submit', async (e) => {
    if (form.elements.credential.value) return
    e.preventDefault()
    const o = JSON.parse(form.dataset.passkey)
    o.challenge = bytes(o.challenge)
    for (const c of [...(o.allowCredentials || []), ...(o.excludeCredentials || [])]) c.id = bytes(c.id)
    try {
      let c
      if (o.user) {
        o.user.id = bytes(o.user.id)
        c = await navigator.credentials.create({ publicKey: o })
      } else c = await navigator.credentials.get({ publicKey: o })
      const r = c.response
      const sent = { id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(), response: { clientDataJSON: text(r.clientDataJSON) } }
      if (c.authenticatorAttachment) sent.authenticatorAttachment = c.authenticatorAttachment
      if (o.user) {
        sent.response.attestationObject = text(r.attestationObject)
        sent.response.transports = r.getTransports ? r.getTransports() : []
      } else {
        sent.response.authenticatorData = text(r.authenticatorData)
        sent.response.signature = text(r.signature)
        if (r.userHandle) sent.response.userHandle = text(r.userHandle)
      }
      form.elements.credential.value = JSON.stringify(sent)
      form.submit()
    } catch (x) {
      fault.textContent = o.user && x.name === 'InvalidStateError' ? 'This device holds a passkey of yours already.' : 'No passkey was given. Try once more, or take another way.'
      fault.hidden = false
    }
  })
}
