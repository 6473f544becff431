// Command paraph-pkcs11 signs with a key in a hardware module, for paraph serve, which
// starts it where its sealing key lies in one. It loads the vendor's library, so it
// is a process of its own: see internal/sealkey/pkcs11 for what the two say.
package main
