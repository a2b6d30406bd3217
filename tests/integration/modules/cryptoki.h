/* As much of PKCS #11 v2.40 as the modules of these tests need: types, codes and the list of
   functions in its order (pkcs11f.h). Written for them; on Unix nothing is packed (§2.1). */
#ifndef CUSTODE_TESTS_CRYPTOKI_H
#define CUSTODE_TESTS_CRYPTOKI_H

#include <stddef.h>
#include <string.h>

typedef unsigned char CK_BYTE;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;

typedef struct { CK_BYTE major, minor; } CK_VERSION;
typedef struct {
    CK_BYTE description[64], manufacturer[32];
    CK_ULONG flags;
    CK_VERSION hardware, firmware;
} CK_SLOT_INFO;
typedef struct {
    CK_BYTE label[32], manufacturer[32], model[16], serial[16];
    CK_ULONG flags;
    CK_ULONG max_sessions, sessions, max_rw_sessions, rw_sessions;
    CK_ULONG max_pin, min_pin;
    CK_ULONG public_memory, free_public_memory, private_memory, free_private_memory;
    CK_VERSION hardware, firmware;
    CK_BYTE time[16];
} CK_TOKEN_INFO;
typedef struct { CK_VERSION cryptoki; CK_BYTE manufacturer[32]; CK_ULONG flags;
    CK_BYTE description[32]; CK_VERSION library; } CK_INFO;
typedef struct { CK_ULONG type; void *value; CK_ULONG length; } CK_ATTRIBUTE;
typedef struct { CK_ULONG min_key, max_key, flags; } CK_MECHANISM_INFO;

enum {
    CKR_OK = 0x0, CKR_SLOT_ID_INVALID = 0x3, CKR_GENERAL_ERROR = 0x5,
    CKR_FUNCTION_NOT_SUPPORTED = 0x54, CKR_BUFFER_TOO_SMALL = 0x150,
    CKF_SLOT_FLAGS = 0x7 /* token present, removable, hardware */,
    CKF_TOKEN_FLAGS = 0x40c /* initialised, with a user PIN, login required */
};
#define CK_UNAVAILABLE (~0UL)

/* One name a function, in the standard's order; what a module does not define does nothing. */
#define CK_FUNCTIONS(F) \
    F(C_Initialize) F(C_Finalize) F(C_GetInfo) F(C_GetFunctionList) F(C_GetSlotList) \
    F(C_GetSlotInfo) F(C_GetTokenInfo) F(C_GetMechanismList) F(C_GetMechanismInfo) F(C_InitToken) \
    F(C_InitPIN) F(C_SetPIN) F(C_OpenSession) F(C_CloseSession) F(C_CloseAllSessions) \
    F(C_GetSessionInfo) F(C_GetOperationState) F(C_SetOperationState) F(C_Login) F(C_Logout) \
    F(C_CreateObject) F(C_CopyObject) F(C_DestroyObject) F(C_GetObjectSize) \
    F(C_GetAttributeValue) F(C_SetAttributeValue) F(C_FindObjectsInit) F(C_FindObjects) \
    F(C_FindObjectsFinal) F(C_EncryptInit) F(C_Encrypt) F(C_EncryptUpdate) F(C_EncryptFinal) \
    F(C_DecryptInit) F(C_Decrypt) F(C_DecryptUpdate) F(C_DecryptFinal) F(C_DigestInit) F(C_Digest) \
    F(C_DigestUpdate) F(C_DigestKey) F(C_DigestFinal) F(C_SignInit) F(C_Sign) F(C_SignUpdate) \
    F(C_SignFinal) F(C_SignRecoverInit) F(C_SignRecover) F(C_VerifyInit) F(C_Verify) \
    F(C_VerifyUpdate) F(C_VerifyFinal) F(C_VerifyRecoverInit) F(C_VerifyRecover) \
    F(C_DigestEncryptUpdate) F(C_DecryptDigestUpdate) F(C_SignEncryptUpdate) \
    F(C_DecryptVerifyUpdate) F(C_GenerateKey) F(C_GenerateKeyPair) F(C_WrapKey) F(C_UnwrapKey) \
    F(C_DeriveKey) F(C_SeedRandom) F(C_GenerateRandom) F(C_GetFunctionStatus) F(C_CancelFunction) \
    F(C_WaitForSlotEvent)

#define CK_MEMBER(name) void *name;
typedef struct { CK_VERSION version; CK_FUNCTIONS(CK_MEMBER) } CK_FUNCTION_LIST;

static CK_RV unsupported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }

/* Blank-padded, as §3.2 wants it. */
static void put(CK_BYTE *field, size_t size, const char *text) {
    size_t length = strlen(text);
    memset(field, ' ', size);
    memcpy(field, text, length < size ? length : size);
}

#endif
