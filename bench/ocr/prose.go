package main

// sentences are our own; pages are put together from them.
var sentences = []string{
	"The archive opens at eight and closes when the last box has been returned to its shelf.",
	"Every delivery is weighed twice, once at the gate and once beside the cold store.",
	"Our records show that the pump was replaced in March, although the invoice names a later month.",
	"Please send the signed copy to the address below and keep the second one for your files.",
	"A clerk who finds two versions of a letter should note which of them carries the stamp.",
	"The committee met on Thursday to discuss the repair of the roof and the cost of new windows.",
	"Nobody had expected the river to rise so quickly after such a dry and quiet summer.",
	"When the parts arrive, compare the numbers on the crate with those on the order.",
	"The tenant shall keep the rooms in good condition and report any damage without delay.",
	"Payment is due within thirty days of receipt; interest of four per cent is charged after that.",
	"She explained the change to the night shift, wrote it on the board and went home.",
	"Most of the older machines still run, provided that somebody remembers how to start them.",
	"The price includes transport, insurance and the removal of all packing material.",
	"If either party wishes to end this agreement, it must say so in writing three months before.",
	"A small workshop behind the station makes the brass fittings for the whole district.",
	"The report was late because two of the gauges had been read from the wrong side.",
	"Copies made before the first of January remain valid until the end of the year.",
	"He measured the beam again, found it eleven millimetres short and ordered another.",
	"Visitors leave their bags with the porter and sign the book on the table.",
	"The supplier guarantees that the paint withstands heat of up to 120 degrees.",
	"In the second quarter, sales of replacement filters grew by 14.5 per cent over the year before.",
	"Questions about this notice may be put to the office between 9:00 and 12:30 on working days.",
	"The contractor provides tools, scaffolding and a supervisor who speaks the local language.",
	"It is not enough to lock the cabinet; the key must be handed to the duty officer.",
	"Two rooms on the upper floor are used as a library, and the third holds maps.",
	"We thank you for your enquiry and are pleased to offer the following items.",
	"The bridge carries one lane of traffic, a footpath and four water pipes.",
	"Any dispute that cannot be settled in good faith goes to the court of the seller's town.",
	"The new form has fewer fields, yet people take longer to fill it in.",
	"After the inspection, the engineer recommended that the valve be tested every six weeks.",
	"Old photographs show a line of trees where the car park now stands.",
	"Goods remain the property of the seller until the full amount has been paid.",
	"The kitchen serves about two hundred meals a day, half of them before noon.",
	"Both keys are needed to open the safe, and neither is kept in the building overnight.",
	"A copy of the licence hangs in the hall; the original lies in the bank.",
	"The survey covers 48 villages, of which 17 have no doctor and 9 have no school.",
	"Employees who travel on behalf of the company are repaid upon presenting receipts.",
	"His handwriting was neat but tiny, and the ink had turned brown with age.",
	"The warranty does not extend to parts that wear out in normal use.",
	"Last winter the heating failed on five nights, each time shortly after midnight.",
	"A list of approved carriers, with their telephone numbers, is attached to this letter.",
	"The auditor counted the stock by hand and found a difference of 23 units.",
	"Water from the upper basin flows through a grating into the main channel.",
	"Both signatures must appear on the same page, together with the place and the date.",
	"The evening train stops only on request, so wave clearly at the driver.",
	"Storage above 25 degrees shortens the life of the cells considerably.",
	"They agreed to share the cost of the survey equally and to publish its results.",
	"The user may make one copy for safety but may not pass it on.",
	"During the works, deliveries use the eastern entrance next to the weighbridge.",
	"The minutes of the last meeting were read, corrected in two places and approved.",
	"Each sample is sealed, numbered and kept for at least twenty-four months.",
	"An apprentice learns first to sharpen the tools and only then to use them.",
	"The insurer asks for photographs of the damage and a quotation for the repair.",
	"Rain delayed the harvest, but the quality of the grain is better than feared.",
	"Notice of the change was given by letter, by telephone and on the notice board.",
	"The lamp at the end of the pier can be seen from a distance of nine miles.",
	"Where the text and the drawing differ, the written dimensions take precedence.",
	"Nothing in this clause limits the rights that the buyer has by law.",
	"The council bought the meadow for 182,000 and turned it into a playground.",
	"Keep this page with the manual; it replaces the table on the inside cover.",
}

var headings = []string{
	"Terms of delivery", "Liability", "Report of the works office", "Notes on storage", "Duties of the tenant",
	"Duration and notice", "Results of the survey", "Maintenance plan", "Confidentiality", "Place of performance",
}

var items = []string{
	"Ball valve, brass, 20 mm", "Filter cartridge F7", "Copper pipe, 3 m", "Sealing ring set", "Circuit breaker 16 A",
	"Steel bracket, galvanised", "Cable duct, white", "Thermostat, digital", "Paint, grey, 5 l", "Working gloves, size 9",
	"Hydraulic oil, 10 l", "Pressure gauge 0-10 bar", "Wall anchor, 8 mm", "LED panel 60 x 60", "Assembly on site",
	"Transport and packing", "Safety inspection", "Spare key", "Door closer", "Extension lead, 25 m",
}

var firms = []string{
	"Harbour Tools Ltd", "Northgate Fittings", "Miller & Osei Engineering", "Alder Street Printing", "Bluestone Services",
	"Quayside Electrics", "Fenwick Paper Supply", "Tarn Valley Builders",
}

var streets = []string{"12 Mill Lane", "48 Station Road", "7 Orchard Close", "230 High Street", "19 Canal Walk", "5 Foundry Yard"}
var towns = []string{"Ashford", "Keswick", "Newbury", "Whitby", "Ludlow", "Hexham"}
