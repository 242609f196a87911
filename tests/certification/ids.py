"""The certification cases of a CSMS: their ids, which are facts, and what each is about, in our few words.

Source: OCPP 2.0.1 edition 3 part 5 (certification profiles) and part 6 (test cases); for 1.6 the Open Charge
Alliance's CompliancyTestTool-TestCaseDocument, section 3 (Central System).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Case(NamedTuple):
    version: str
    id: str
    """``TC_B_01_CSMS``, ``TC_004_1_CSMS``."""
    profiles: str
    """The certification profiles that hold it; "if declared" where it is conditional on a feature."""
    about: str


_201 = """
[Core]
A_01 right name and password
A_02 a name that is not the station's
A_03 wrong password
A_04 the server's certificate and the four cipher suites
A_06 TLS older than 1.2
A_09 new password, taken
A_10 new password, refused
A_19 raised to the next security profile
B_01 boot, accepted
B_06 read one variable
B_09 set one variable
B_20 reset when idle
B_21 reset after the running transaction
B_22 reset at once, ending the transaction
B_42 network profile, taken
B_44 network profile, failed
C_02 token unknown
C_06 token blocked
C_07 token expired
C_08 cached token, accepted
C_20 cached token, no longer valid
C_37 cache cleared
C_38 cache not cleared
C_39 stopped by another of the group
C_47 master pass, all transactions
C_48 master pass, one transaction
C_49 master pass without a display
E_01 start when the power path closes
E_02 start when energy flows
E_03 local start, cable first
E_04 local start, card first
E_07 stop when the power path opens
E_08 stop when energy stops after a card
E_09 start when the cable is in
E_10 start when the card is accepted
E_11 start with signed data
E_12 start when the bay is taken
E_14 stop when the cable is out at the station
E_15 stop by the card
E_16 stop because the token is refused
E_17 stop because the car is lost
E_19 stop when the bay is free
E_20 stop when the cable is out at the car
E_21 stop by the operator
E_22 stop by the car
E_26 cable out for a while
E_38 the car is not ready
E_39 no car came in time
E_53 sequence numbers begin anew
F_01 remote start, cable first
F_02 remote start, authorized by the station
F_03 remote start, not authorized again
F_04 remote start, no car came
F_20 trigger a heartbeat
F_27 trigger not implemented
G_03 EVSE out of service
G_04 EVSE back in service
G_05 station out of service
G_06 station back in service
G_07 connector out of service
G_08 connector back in service
G_11 EVSE out of service after its transaction
G_14 station out of service after its transaction
G_17 connector out of service after its transaction
G_20 lock failure
J_01 clock-aligned values without a transaction
J_02 clock-aligned values in a transaction
J_03 clock-aligned values at the end
J_04 clock-aligned values, signed
J_07 first reading with the start
J_08 first reading once the EVSE is known
J_09 sampled values in a transaction
J_10 sampled values at the end
J_11 sampled values, signed
L_01 secure update, installed
L_04 signing certificate revoked
L_05 signing certificate invalid
L_06 signature invalid
L_07 download failed
L_08 verification failed
L_09 installation failed
L_10 update replaced by another
L_11 update that cannot be replaced
L_13 update waits for a transaction
M_01 install a root of the CSMS
M_02 install a manufacturer's root
M_05 installation fails
M_13 list manufacturers' roots
M_18 list all kinds
M_19 none of the kind
M_20 delete, by each hash
M_21 deletion fails
N_25 diagnostics log
N_27 customer's data, some
N_28 customer's data, none
N_29 customer's data refused
N_30 customer's data cleared and told, some
N_31 customer's data cleared and told, none
N_32 customer's data cleared, not told
N_34 log refused
N_35 security log
N_36 log replaced by another
P_02 unknown vendor
P_03 custom data
[Core if declared]
B_02 boot, pending first
B_07 read several variables
B_10 set several variables
B_13 report of everything
B_25 reset of an idle EVSE
B_26 reset of an EVSE after its transaction
B_27 reset of an EVSE at once
B_30 SecurityError before acceptance
B_31 boot triggered while pending
E_29 running, messages waiting
E_30 running, nothing waiting
E_31 ended, messages waiting
E_33 any transaction, messages waiting
E_34 any transaction, nothing waiting
F_06 unlock
F_11 trigger meter values of an EVSE
F_12 trigger meter values of all
F_13 trigger a transaction's state at an EVSE
F_14 trigger the state of all transactions
F_15 trigger the log's status
F_18 trigger the firmware's status
F_23 trigger the status of a free EVSE
F_24 trigger the status of a taken EVSE
L_02 installation scheduled
L_03 download scheduled
N_62 by customer identifier
[Core if declared; Advanced Device Management]
B_12 report of the configuration
[Advanced Security]
A_07 a station's valid certificate
A_08 a station's invalid certificate
A_11 new station certificate on request
A_14 new certificate that the station refuses
[Local Authorization List]
C_40 two of a group in the local list
C_43 one of a group no longer valid in the local list
D_01 whole local list
D_02 additions to the local list
D_03 removals from the local list
D_04 empty local list
D_09 version where there is no list
N_46 local list follows a cleared customer
[Local Authorization List if declared]
D_08 version of the local list
[Smart Charging]
K_15 profiles not supported
K_37 remote start with a profile
K_70 profiles on two stack levels
[Smart Charging; ISO 15118]
K_01 default profile for an EVSE
K_03 maximum profile of the station
K_04 replace a profile
K_05 clear a profile by id
K_06 clear a profile by criteria
K_08 clear where there is none
K_19 recurring profile
K_29 profiles of the station itself
K_30 profiles of an EVSE
K_31 profiles of all
K_32 profile by id
K_33 profiles by stack level
K_34 profiles by source
K_35 profiles by purpose
K_36 profiles by purpose and stack level
K_43 composite schedule of an EVSE
K_44 composite schedule of the station
K_60 profile for a running transaction
[Smart Charging if declared; ISO 15118]
K_10 default profile for all EVSEs
[Advanced Device Management]
B_14 report of the summary
B_18 report by criteria and variables
N_01 monitors by criteria
N_02 monitors by variable
N_03 monitors by criteria and variable
N_05 each base of monitors
N_08 set a monitor
N_16 set a level
N_17 level out of range
N_18 no more ids than a message takes
N_21 hard-wired event
N_24 periodic event
N_44 monitor that cannot be cleared
N_47 all monitors
N_49 event cleared
N_50 periodic event after a restart
N_60 monitors by criteria and list of variables
[Advanced User Interface]
I_01 running cost
I_02 final cost
O_01 show a message
O_12 replace a message
O_13 show it from a time on
O_14 show it until a time
O_17 priority not supported
O_18 state not supported
O_19 format not supported
O_26 message refused
[Reservation]
H_01 reserve an EVSE
H_07 reservation expires
H_17 cancel a reservation
H_19 reserve for a group
H_20 reserved EVSE becomes faulty
H_22 reservation refused
[Reservation if declared]
H_08 reserve any EVSE
H_14 reserve them all
H_15 reserve a kind of connector
[ISO 15118]
A_12 new V2G certificate on request
C_50 contract certificate, its hashes valid
C_51 contract certificate, its hashes revoked
C_52 contract certificate validated centrally
K_53 schedule for a car's needs
K_55 the car's schedule exceeds the limits
K_57 renegotiation by the car
K_58 renegotiation by the operator
K_59 renegotiation, needs sent again
M_03 install a V2G root
M_04 install a mobility operator's root
M_14 list V2G roots
M_15 list V2G chains
M_16 list mobility operators' roots
M_24 OCSP status of a certificate
M_26 contract certificate installed in a car
M_28 contract certificate renewed in a car
[ISO 15118 if declared]
A_13 new combined certificate on request
N_63 by customer certificate
"""
_16 = """
[Core]
001 boot
003 session, cable first
004_1 session, card first
004_2 no car came in time
005_1 cable out at the car
007 card known from the cache
010 remote start, cable first
011_1 remote start first
011_2 remote start, no car came
012 remote stop
013 hard reset
014 soft reset
017_1 unlock, loose cable
017_2 unlock, fixed cable
018_1 unlock during a session
019_1 read all keys
019_2 read one key
021 change a key
023_1 token unknown
023_2 token expired
023_3 token blocked
024 lock failure
026 remote start refused
028 remote stop refused
030 unlock fails
031 unlock of an unknown connector
032_1 power failure ends the session
037_1 start offline, token accepted
037_3 start offline, token refused
039 whole session offline
040_1 key not supported
040_2 value refused
061 cache cleared
064 unknown vendor
[Local Authorization List]
042_1 version, no lists supported
042_2 version, list empty
043_1 list not supported
043_3 list fails
043_4 whole list
043_5 additions
[Firmware Management]
044_1 update installed
044_2 download fails
044_3 installation fails
045_1 diagnostics uploaded
045_2 upload fails
[Reservation]
046 reserve a connector and use it
047 reservation expires
048_1 refused, faulty
048_2 refused, occupied
048_3 refused, out of service
048_4 refused
049 reserve any connector and use it
051 cancel
052 cancel refused
053 used by another of the group
[Remote Trigger]
054 each message triggered
055 trigger refused
[Smart Charging]
056 default profile
057 profile for a session
059 remote start with a profile
066 composite schedule
067 clear by id, by criteria, and all
[Security]
073 new password
074 new station certificate on request
075_1 install a manufacturer's root
075_2 install a root of the CSMS
076 delete a root
077 station refuses its new certificate
078 station refuses a root
079 security log
080 secure update
081 signature invalid
083 raised to the next security profile
085 right name and password
086 the server's certificate and the four cipher suites
087 a station's valid certificate
088 choice of the subprotocol
"""


def _read(version: str, text: str) -> Iterator[Case]:
    profiles = ""
    for line in text.split("\n"):
        if line.startswith("["):
            profiles = line.strip("[]")
        elif line:
            number, about = line.split(" ", 1)
            yield Case(version, f"TC_{number}_CSMS", profiles, about)


CASES = (*_read("2.0.1", _201), *_read("1.6", _16))
