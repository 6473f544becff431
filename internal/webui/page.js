// The token stands behind the #: it is handed over once, and taken out of the address.
if (location.hash.length > 20) {
  const form = document.createElement("form")
  const token = document.createElement("input")
  form.method = "post"
  form.action = "/console/webhooks/session"
  token.type = "hidden"
  token.name = "token"
  token.value = location.hash.slice(1)
  history.replaceState(null, "", location.pathname)
  form.append(token)
  document.body.append(form)
  form.submit()
}
