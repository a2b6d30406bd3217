/* A module with one good token, which misbehaves as AWKWARD says: "sleep:C_Login" never comes back
   from there, "crash:C_Login" ends the process there, and the rest are kinds of nonsense (below).
   "good" does nothing wrong. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "cryptoki.h"

static int wants(const char *what) {
    const char *told = getenv("AWKWARD");
    return told != NULL && strcmp(told, what) == 0;
}

static void enter(const char *function) {
    const char *told = getenv("AWKWARD");
    if (told == NULL) return;
    if (strncmp(told, "sleep:", 6) == 0 && strcmp(told + 6, function) == 0)
        for (;;) pause();
    if (strncmp(told, "crash:", 6) == 0 && strcmp(told + 6, function) == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
}

static CK_RV C_Initialize(void *arguments) { (void)arguments; enter("C_Initialize"); return CKR_OK; }
static CK_RV C_Finalize(void *reserved) { (void)reserved; return CKR_OK; }

static CK_RV C_GetInfo(CK_INFO *info) {
    memset(info, 0, sizeof *info);
    info->cryptoki.major = 2;
    info->cryptoki.minor = 40;
    return CKR_OK;
}

static CK_RV C_GetSlotList(CK_BYTE present, CK_ULONG *slots, CK_ULONG *count) {
    static CK_ULONG growing = 1;
    CK_ULONG i, wanted = 1;
    (void)present;
    enter("C_GetSlotList");
    if (wants("endless slots")) wanted = 1UL << 40;
    if (wants("growing slots")) wanted = (growing += 100);
    if (wants("strange code")) return 0xdeadbeef;
    if (slots == NULL) { *count = wanted; return CKR_OK; }
    if (*count < wanted) { *count = wanted; return CKR_BUFFER_TOO_SMALL; }
    for (i = 0; i < wanted; i++) slots[i] = 7 + i;
    *count = wants("more slots than asked for") ? *count + 100000 : wanted;
    return CKR_OK;
}

static CK_RV C_GetSlotInfo(CK_ULONG slot, CK_SLOT_INFO *info) {
    (void)slot;
    memset(info, 0, sizeof *info);
    put(info->description, sizeof info->description, "awkward reader");
    info->flags = CKF_SLOT_FLAGS;
    return CKR_OK;
}

static CK_RV C_GetTokenInfo(CK_ULONG slot, CK_TOKEN_INFO *info) {
    enter("C_GetTokenInfo");
    if (slot != 7) return CKR_SLOT_ID_INVALID;
    memset(info, 0, sizeof *info);
    put(info->label, sizeof info->label, "awkward");
    put(info->manufacturer, sizeof info->manufacturer, "tests");
    put(info->model, sizeof info->model, "awkward");
    put(info->serial, sizeof info->serial, "0001");
    info->flags = CKF_TOKEN_FLAGS;
    info->min_pin = 4;
    info->max_pin = 8;
    if (wants("no text at all")) memset(info, 0xff, sizeof *info);
    if (wants("control characters")) memcpy(info->label, "\033[2J\a\r\nevil", 11);
    return CKR_OK;
}

static CK_RV C_GetMechanismList(CK_ULONG slot, CK_ULONG *list, CK_ULONG *count) {
    (void)slot;
    if (list == NULL) { *count = wants("endless mechanisms") ? CK_UNAVAILABLE : 1; return CKR_OK; }
    list[0] = 0x1;
    *count = 1;
    return CKR_OK;
}

static CK_RV C_GetMechanismInfo(CK_ULONG slot, CK_ULONG mechanism, CK_MECHANISM_INFO *info) {
    (void)slot; (void)mechanism;
    memset(info, 0xff, sizeof *info);
    return CKR_OK;
}

static CK_RV C_OpenSession(CK_ULONG slot, CK_ULONG flags, void *a, void *b, CK_ULONG *handle) {
    (void)slot; (void)flags; (void)a; (void)b;
    *handle = 1;
    return CKR_OK;
}
static CK_RV C_CloseSession(CK_ULONG handle) { (void)handle; return CKR_OK; }
static CK_RV C_Login(CK_ULONG handle, CK_ULONG user, CK_BYTE *pin, CK_ULONG length) {
    (void)handle; (void)user; (void)pin; (void)length;
    enter("C_Login");
    return wants("strange login") ? 0x80001234 : CKR_OK;
}
static CK_RV C_Logout(CK_ULONG handle) { (void)handle; return CKR_OK; }

static int found;
static CK_RV C_FindObjectsInit(CK_ULONG handle, CK_ATTRIBUTE *template, CK_ULONG count) {
    (void)handle; (void)template; (void)count;
    found = 0;
    return CKR_OK;
}
static CK_RV C_FindObjects(CK_ULONG handle, CK_ULONG *objects, CK_ULONG room, CK_ULONG *count) {
    (void)handle;
    enter("C_FindObjects");
    *count = 0;
    if (wants("more objects than asked for") && !found++) { objects[0] = 1; *count = room + 50; }
    if ((wants("unknown lengths") || wants("huge lengths") || wants("lengths that change") ||
         wants("garbage in attributes")) && !found++) {
        objects[0] = 1;
        *count = 1;
    }
    return CKR_OK;
}
static CK_RV C_FindObjectsFinal(CK_ULONG handle) { (void)handle; return CKR_OK; }

static CK_RV C_GetAttributeValue(CK_ULONG handle, CK_ULONG object, CK_ATTRIBUTE *list, CK_ULONG n) {
    CK_ULONG i;
    (void)handle; (void)object;
    for (i = 0; i < n; i++) {
        int asked = list[i].value == NULL;
        if (wants("unknown lengths")) list[i].length = CK_UNAVAILABLE;
        else if (wants("huge lengths")) list[i].length = 1UL << 46;
        else if (asked) list[i].length = 5;
        else {
            memset(list[i].value, 0xa5, 5);
            list[i].length = wants("lengths that change") ? 1UL << 46 : 5;
        }
    }
    return CKR_OK;
}

static CK_FUNCTION_LIST functions;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
    if (wants("no list")) { *list = NULL; return CKR_OK; }
#define CK_NOTHING(name) functions.name = (void *)unsupported;
    CK_FUNCTIONS(CK_NOTHING)
    functions.version.major = wants("another version") ? 77 : 2;
    functions.version.minor = 40;
#define CK_OURS(name) functions.name = (void *)name;
    CK_OURS(C_Initialize) CK_OURS(C_Finalize) CK_OURS(C_GetInfo) CK_OURS(C_GetFunctionList)
    CK_OURS(C_GetSlotList) CK_OURS(C_GetSlotInfo) CK_OURS(C_GetTokenInfo)
    CK_OURS(C_GetMechanismList) CK_OURS(C_GetMechanismInfo) CK_OURS(C_OpenSession)
    CK_OURS(C_CloseSession) CK_OURS(C_Login) CK_OURS(C_Logout) CK_OURS(C_FindObjectsInit)
    CK_OURS(C_FindObjects) CK_OURS(C_FindObjectsFinal) CK_OURS(C_GetAttributeValue)
    *list = &functions;
    return CKR_OK;
}
